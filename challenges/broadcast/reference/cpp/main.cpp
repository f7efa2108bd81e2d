// Broadcast with few messages that loses nothing.
//
// Every node keeps one log for each node of the cluster: the values that node acknowledged, in its
// order. A log only ever grows at its end, so how long each is says all about what a node has.
//
// - Stored first. A value is in a file before it is acknowledged or sent on.
// - Fast path. New values go to the hub (the first node) and from there to all others, collected
//   for a moment so that one message carries many. Two hops, and nobody waits for an answer: a loss
//   is repaired by the slow path.
// - Slow path. Every node regularly tells another one, each in turn, how long its logs are, and is
//   sent what it lacks. That needs no hub, and heals every loss, partition and restart.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "node.hpp"

// How long values are collected on each of the two hops. Longer costs time, shorter messages.
constexpr Node::Duration collect{50};

// How often a node asks the next of the others for what it lacks.
constexpr Node::Duration repair_interval{200};

class Broadcast {
public:
    Broadcast() {
        node_.on_init([this] { init(); });
        node_.on("topology", [this](const Message& request) {
            node_.reply(request, Json::object({{"type", "topology_ok"}}));
        });
        node_.on("broadcast", [this](const Message& request) { broadcast(request); });
        node_.on("read", [this](const Message& request) { read(request); });
        node_.on("have", [this](const Message& message) { answer_have(message); });
        node_.on("values", [this](const Message& message) { merge(message); });
    }

    void run() { node_.run(); }

private:
    using Values = std::vector<std::int64_t>;

    void init() {
        load(Node::data_dir() / "values");
        // Not all nodes ask the same one first.
        const auto& ids = node_.ids();
        next_peer_ = std::find(ids.begin(), ids.end(), node_.id()) - ids.begin();
        repair();
    }

    void broadcast(const Message& request) {
        const auto value = request.body["message"].as_int();
        if (!value) throw Error(Error::malformed_request, "not an integer");
        // A client that got no answer may ask again. What is known is stored already.
        if (values_.count(*value) == 0) append(node_.id(), {*value});
        node_.reply(request, Json::object({{"type", "broadcast_ok"}}));
    }

    void read(const Message& request) {
        const Json::Array messages(values_.begin(), values_.end());
        node_.reply(request, Json::object({{"type", "read_ok"}, {"messages", messages}}));
    }

    // Adds new values to the end of a log, on disk first.
    void append(const std::string& origin, const Values& values) {
        for (const auto value : values) store_ << origin << ' ' << value << '\n';
        // Written is enough to survive a kill. To survive a power cut, sync here.
        if (!store_.flush()) throw std::runtime_error("the values must be stored");

        const auto start = logs_[origin].size();
        remember(origin, values);
        if (origin == node_.id() || is_hub()) {
            if (fresh_.empty()) node_.set_timer(collect, [this] { send_fresh(); });
            fresh_.emplace(origin, start);  // keeps an earlier one
        }
    }

    void remember(const std::string& origin, const Values& values) {
        auto& log = logs_[origin];
        log.insert(log.end(), values.begin(), values.end());
        values_.insert(values.begin(), values.end());
    }

    // The node that all others exchange their values through, as long as it can be reached.
    const std::string& hub() const { return node_.ids().front(); }

    bool is_hub() const { return node_.id() == hub(); }

    // The fast path: a leaf sends its own new values to the hub, the hub sends all to every leaf.
    void send_fresh() {
        const auto targets = is_hub() ? node_.peers() : std::vector<std::string>{hub()};
        for (const auto& target : targets) {
            Json::Object news;
            for (const auto& [origin, from] : fresh_) {
                // Nobody needs to be told what it said itself.
                if (origin != target) news.emplace_back(origin, part(origin, from));
            }
            send(target, news);
        }
        fresh_.clear();
    }

    // The slow path: asks the next of the others for what this node lacks.
    void repair() {
        const auto peers = node_.peers();
        if (!peers.empty()) {
            next_peer_ = (next_peer_ + 1) % peers.size();
            ask(peers[next_peer_]);
        }
        node_.set_timer(repair_interval, [this] { repair(); });
    }

    void ask(const std::string& dest) const {
        Json::Object counts;
        for (const auto& [origin, log] : logs_) counts.emplace_back(origin, log.size());
        node_.send(dest, Json::object({{"type", "have"}, {"counts", counts}}));
    }

    void answer_have(const Message& message) const {
        Json::Object lacking;
        for (const auto& [origin, log] : logs_) {
            const std::size_t count = message.body["counts"][origin].as_int().value_or(0);
            if (count < log.size()) lacking.emplace_back(origin, part(origin, count));
        }
        send(message.src, lacking);
    }

    // The end of a log, from some position on.
    Json part(const std::string& origin, std::size_t from) const {
        const auto& log = logs_.at(origin);
        const Json::Array values(log.begin() + static_cast<std::ptrdiff_t>(from), log.end());
        return Json::object({{"from", from}, {"values", values}});
    }

    void send(const std::string& dest, const Json::Object& logs) const {
        if (!logs.empty()) node_.send(dest, Json::object({{"type", "values"}, {"logs", logs}}));
    }

    void merge(const Message& message) {
        bool gap = false;
        for (const auto& [origin, part] : message.body["logs"].fields()) {
            const std::size_t from = part["from"].as_int().value_or(0);
            const auto& items = part["values"].items();
            const auto count = logs_[origin].size();
            if (from > count) {
                // Something before it was lost, or is still on its way.
                gap = true;
            } else if (from + items.size() > count) {
                Values values;
                for (auto i = count - from; i < items.size(); ++i) {
                    values.push_back(items[i].as_int().value());
                }
                append(origin, values);
            }
        }
        if (gap) ask(message.src);
    }

    // Opens the store and reads what it has from an earlier life of this node.
    void load(const std::filesystem::path& path) {
        std::ifstream old(path, std::ios::binary);
        std::uintmax_t whole = 0;
        std::string line;
        // The last line may be torn. Nobody has heard of it: cut it off.
        while (std::getline(old, line) && !old.eof()) {
            const auto space = line.find(' ');
            remember(line.substr(0, space), {std::stoll(line.substr(space + 1))});
            whole += line.size() + 1;
        }
        if (std::filesystem::exists(path)) std::filesystem::resize_file(path, whole);
        store_.open(path, std::ios::binary | std::ios::app);
        if (!store_) throw std::runtime_error("the values must be stored");
    }

    Node node_;
    std::map<std::string, Values> logs_;  // by the name of the node that acknowledged them
    std::set<std::int64_t> values_;  // for reads: several nodes may acknowledge the same value
    std::map<std::string, std::size_t> fresh_;  // from where on to send on the fast path
    std::ofstream store_;
    std::size_t next_peer_ = 0;
};

int main() {
    Broadcast().run();
}
