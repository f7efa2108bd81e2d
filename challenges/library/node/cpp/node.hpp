// A node of a distributed system that speaks Maelstrom's protocol: one JSON message a line, in on
// stdin, out on stdout, and the log on stderr.
//
// Register a handler for each type of message with on(), then call run(). It calls the handlers
// from one thread, one message or timer at a time, so there is nothing to lock. Do not block in a
// handler: nothing else happens until it returns.
//
// Take ALL your timers from set_timer(), and never sleep or look at a clock yourself. Today a timer
// runs on the wall clock. Under a simulated clock it will be a message to and from the node
// "clock", and a program that waits in any other way would fall out of the simulation.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "json.hpp"

struct Message {
    std::string src;
    std::string dest;
    Json body;

    // The `type` of the body.
    std::string type() const {
        const auto* type = body["type"].as_string();
        return type ? *type : "";
    }
};

// An answer of type "error". A handler that throws one sends it.
struct Error : std::runtime_error {
    static constexpr int timeout = 0;
    static constexpr int not_supported = 10;
    static constexpr int temporarily_unavailable = 11;
    static constexpr int malformed_request = 12;
    static constexpr int crash = 13;
    static constexpr int abort = 14;

    Error(int code, const std::string& text) : std::runtime_error(text), code(code) {}
    int code;
};

// Writes a line to the log.
inline void log(const std::string& text) { std::cerr << text + "\n"; }

// This node's name, its peers, and everything it can do to the world.
class Node {
public:
    using Handler = std::function<void(const Message&)>;
    using Callback = std::function<void(const Message*)>;
    using Timer = std::function<void()>;
    using Duration = std::chrono::milliseconds;

    // Sets the handler of a type of message.
    void on(const std::string& type, Handler handler) { handlers_[type] = std::move(handler); }

    // Sets what to do once the node knows its name, before any other message is handled and before
    // `init` is answered.
    void on_init(Timer then) { on_init_ = std::move(then); }

    const std::string& id() const { return id_; }

    // Every node of the cluster, this one included.
    const std::vector<std::string>& ids() const { return ids_; }

    // Every node of the cluster but this one.
    std::vector<std::string> peers() const {
        std::vector<std::string> peers;
        for (const auto& id : ids_) {
            if (id != id_) peers.push_back(id);
        }
        return peers;
    }

    // Sends a message that needs no answer. The network may lose, delay or repeat it.
    void send(const std::string& dest, Json body) const {
        const auto message = Json::object({{"src", id_}, {"dest", dest}, {"body", std::move(body)}});
        const std::string line = message.text() + "\n";
        // One write a line, flushed at once. Nobody reads stdout any more: nothing left to do.
        const auto written = std::fwrite(line.data(), 1, line.size(), stdout);
        if (written != line.size() || std::fflush(stdout) != 0) std::_Exit(1);
    }

    // Answers a request. A message without `msg_id` asks for no answer, and gets none.
    void reply(const Message& request, Json body) const {
        if (!request.body.has("msg_id")) return;
        body.set("in_reply_to", request.body["msg_id"]);
        send(request.src, std::move(body));
    }

    // Sends a request, and calls `then` once: with the answer, which may be an `error`, or with
    // nullptr when none came in time. Silence does not tell whether the request was carried out.
    void rpc(const std::string& dest, Json body, Duration timeout, Callback then) {
        const auto msg_id = ++last_msg_id_;
        body.set("msg_id", msg_id);
        calls_[msg_id] = std::move(then);
        send(dest, std::move(body));
        set_timer(timeout, [this, msg_id] { finish_call(msg_id, nullptr); });
    }

    // Calls `then` once, `after` from now. A timer that repeats sets itself again.
    void set_timer(Duration after, Timer then) {
        timers_.emplace(Clock::now() + after, std::move(then));
    }

    // A private directory that survives when this node is killed and started again.
    static std::filesystem::path data_dir() {
        const char* dir = std::getenv("TAKEHOME_DATA");
        return dir ? dir : ".";
    }

    // Handles messages and timers until stdin ends, and then ends the process.
    [[noreturn]] void run() {
        std::thread([this] { read_lines(); }).detach();
        while (true) {
            run_timers();
            const auto line = next_line();
            if (line) deliver(*line);
        }
    }

private:
    using Clock = std::chrono::steady_clock;

    // Reads stdin on a thread of its own, so that the event loop can wait for a line or a timer.
    void read_lines() {
        std::string line;
        while (std::getline(std::cin, line)) push(std::move(line));
        push(std::nullopt);
    }

    void push(std::optional<std::string> line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
        arrived_.notify_one();
    }

    // The next line of stdin, or nothing when a timer is due first.
    std::optional<std::string> next_line() {
        std::unique_lock lock(mutex_);
        const auto ready = [this] { return !lines_.empty(); };
        if (timers_.empty()) {
            arrived_.wait(lock, ready);
        } else if (!arrived_.wait_until(lock, timers_.begin()->first, ready)) {
            return std::nullopt;
        }
        auto line = std::move(lines_.front());
        lines_.pop_front();
        if (!line) std::_Exit(0);  // stdin ended; all output is flushed
        return line;
    }

    // A multimap keeps timers of the same instant in order.
    void run_timers() {
        while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
            const auto timer = timers_.extract(timers_.begin());
            timer.mapped()();
        }
    }

    void deliver(const std::string& line) {
        Message message;
        try {
            message = parse(line);
        } catch (const std::exception& error) {
            log(std::string("not a message: ") + error.what());
            return;
        }
        if (message.type() == "init") {
            init(message);
        } else if (id_.empty()) {
            // A peer that started sooner. The network loses messages, so this one may go too.
            log("a message before init is ignored");
        } else if (message.body.has("in_reply_to")) {
            finish_call(message.body["in_reply_to"].as_int().value_or(0), &message);
        } else {
            handle(message);
        }
    }

    static Message parse(const std::string& line) {
        const Json json = Json::parse(line);
        const auto* src = json["src"].as_string();
        const auto* dest = json["dest"].as_string();
        if (!src || !dest) throw std::runtime_error("no `src` or no `dest`");
        return {*src, *dest, json["body"]};
    }

    void init(const Message& message) {
        const auto* id = message.body["node_id"].as_string();
        id_ = id ? *id : "";
        for (const auto& item : message.body["node_ids"].items()) {
            if (const auto* peer = item.as_string()) ids_.push_back(*peer);
        }
        if (on_init_) on_init_();
        reply(message, Json::object({{"type", "init_ok"}}));
    }

    // Does nothing where there is no such call: the answer came too late, or twice.
    void finish_call(std::int64_t msg_id, const Message* answer) {
        const auto call = calls_.extract(msg_id);
        if (call) call.mapped()(answer);
    }

    void handle(const Message& message) {
        try {
            const auto handler = handlers_.find(message.type());
            if (handler == handlers_.end()) {
                throw Error(Error::not_supported, "no handler for " + message.type());
            }
            handler->second(message);
        } catch (const Error& error) {
            reply(message, Json::object({{"type", "error"},
                                         {"code", error.code},
                                         {"text", error.what()}}));
        }
    }

    std::string id_;
    std::vector<std::string> ids_;
    Timer on_init_;
    std::unordered_map<std::string, Handler> handlers_;
    std::int64_t last_msg_id_ = 0;
    std::unordered_map<std::int64_t, Callback> calls_;
    std::multimap<Clock::time_point, Timer> timers_;

    std::mutex mutex_;  // guards the lines that were read and not yet handled
    std::condition_variable arrived_;
    std::deque<std::optional<std::string>> lines_;  // the last is nothing: stdin ended
};
