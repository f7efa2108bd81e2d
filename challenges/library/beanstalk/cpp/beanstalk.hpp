// The protocol of beanstalkd: commands as clients send them.
//
// A command is a line of words between single spaces, "reserve-with-timeout 5\r\n"; behind that of put come the data of the
// job and another line end, "put 0 0 60 5\r\nhello\r\n".
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace beanstalk {

// The most bytes of a job's data, of a tube's name, and of a line with its end.
constexpr uint64_t most_data = 65535;
constexpr size_t most_name = 200, most_line = 224;

// A command with its words. Times are seconds.
struct Command {
    std::string name;
    uint64_t id = 0;  // of kick, the bound
    uint32_t priority = 0, delay = 0, ttr = 0, timeout = 0;
    std::string tube, data;
    std::string wrong;  // the answer to what is no command, and empty for one that is
};

// The connection is closed after this has been told as BAD_FORMAT: nobody knows where the next command begins.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// One connection: commands come in, answers go out when they are flushed.
class Connection {
public:
    explicit Connection(int socket) : socket_(socket) {}
    ~Connection() { ::close(socket_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // The next command; none at the end of the connection.
    std::optional<Command> read() {
        const auto line = read_line();
        if (!line) return std::nullopt;
        std::vector<std::string> words(1);
        for (const char letter : *line) {
            if (letter == ' ') words.emplace_back();
            else words.back() += letter;
        }
        Command command;
        command.name = words.front();
        const auto form = forms().find(command.name);
        if (form == forms().end()) return wrong("UNKNOWN_COMMAND");
        if (words.size() != form->second.size() + 1) return wrong("BAD_FORMAT");
        uint64_t bytes = 0;
        for (size_t index = 0; index < form->second.size(); ++index) {
            if (!take(command, form->second[index], words[index + 1], bytes)) return wrong("BAD_FORMAT");
        }
        if (command.name != "put") return command;
        if (bytes > most_data) {
            if (!pass_over(bytes)) return std::nullopt;
            return wrong("JOB_TOO_BIG");
        }
        while (input_.size() < bytes + 2) {
            if (!receive()) return std::nullopt;
        }
        command.data = input_.substr(0, bytes);
        const bool ended = input_.compare(bytes, 2, "\r\n") == 0;
        input_.erase(0, bytes + 2);
        return ended ? command : wrong("EXPECTED_CRLF");
    }

    // Whether the answers can wait: more commands have been received, and the answers are few.
    bool can_wait() const { return !input_.empty() && output_.size() < (1 << 16); }

    // A line of an answer, or the data of a job.
    void line(const std::string& text) { output_ += text + "\r\n"; }

    // Sends the answers; false when the client is gone.
    bool flush() {
        size_t sent = 0;
        while (sent < output_.size()) {
            const ssize_t count = ::send(socket_, output_.data() + sent, output_.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) return false;
            sent += static_cast<size_t>(count);
        }
        output_.clear();
        return true;
    }

private:
    static const std::map<std::string, std::vector<std::string>>& forms() {
        static const std::map<std::string, std::vector<std::string>> all = {
            {"put", {"priority", "delay", "ttr", "bytes"}},
            {"reserve", {}},
            {"reserve-with-timeout", {"timeout"}},
            {"delete", {"id"}},
            {"release", {"id", "priority", "delay"}},
            {"bury", {"id", "priority"}},
            {"touch", {"id"}},
            {"kick", {"id"}},
            {"kick-job", {"id"}},
            {"peek", {"id"}},
            {"peek-ready", {}},
            {"peek-delayed", {}},
            {"peek-buried", {}},
            {"use", {"tube"}},
            {"watch", {"tube"}},
            {"ignore", {"tube"}},
            {"quit", {}},
        };
        return all;
    }

    static Command wrong(const char* answer) {
        Command command;
        command.wrong = answer;
        return command;
    }

    static bool take(Command& command, const std::string& field, const std::string& word, uint64_t& bytes) {
        if (field == "priority") return number(word, command.priority);
        if (field == "delay") return number(word, command.delay);
        if (field == "ttr") return number(word, command.ttr);
        if (field == "timeout") return number(word, command.timeout);
        if (field == "id") return number(word, command.id);
        if (field == "bytes") return number(word, bytes);
        command.tube = word;
        return is_name(word);
    }

    template <typename Number>
    static bool number(const std::string& word, Number& value) {
        uint64_t sum = 0;
        for (const char letter : word) {
            if (letter < '0' || letter > '9') return false;
            const uint64_t digit = static_cast<uint64_t>(letter - '0');
            if (sum > (std::numeric_limits<Number>::max() - digit) / 10) return false;
            sum = sum * 10 + digit;
        }
        value = static_cast<Number>(sum);
        return !word.empty();
    }

    static bool is_name(const std::string& word) {
        const auto is_allowed = [](unsigned char letter) {
            return letter < 128 && (std::isalnum(letter) || std::string("-+/;.$_()").find(static_cast<char>(letter)) != std::string::npos);
        };
        return !word.empty() && word.size() <= most_name && word.front() != '-' &&
               std::all_of(word.begin(), word.end(), is_allowed);
    }

    // Passes over the data of a job, however much it is.
    bool pass_over(uint64_t bytes) {
        uint64_t left = bytes > UINT64_MAX - 2 ? bytes : bytes + 2;
        for (;;) {
            const uint64_t count = std::min<uint64_t>(left, input_.size());
            input_.erase(0, count);
            left -= count;
            if (left == 0) return true;
            if (!receive()) return false;
        }
    }

    bool receive() {
        char buffer[16384];
        const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
        if (count > 0) input_.append(buffer, static_cast<size_t>(count));
        return count > 0;
    }

    std::optional<std::string> read_line() {
        size_t end;
        while ((end = input_.find('\n')) == std::string::npos && input_.size() < most_line) {
            if (!receive()) return std::nullopt;
        }
        if (end == std::string::npos || end >= most_line || end == 0 || input_[end - 1] != '\r') {
            throw Error("a line without its end");
        }
        std::string line = input_.substr(0, end - 1);
        input_.erase(0, end + 1);
        return line;
    }

    int socket_;
    std::string input_, output_;
};

}  // namespace beanstalk
