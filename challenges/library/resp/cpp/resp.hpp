// RESP2: commands as clients send them, and replies.
//
// A command is an array of bulk strings, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or a line of words, "GET k\r\n".
#pragma once

#include <cstdlib>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace resp {

using Command = std::vector<std::string>;

// What is said of a command that is none. The connection is closed after that: nobody knows where the next one begins.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// One connection: commands come in, replies go out when they are flushed.
class Connection {
public:
    explicit Connection(int socket) : socket_(socket) {}
    ~Connection() { ::close(socket_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // The next command; none at the end of the connection.
    std::optional<Command> read() {
        auto line = read_line();
        if (!line) return std::nullopt;
        Command words;
        if (line->empty() || line->front() != '*') {
            std::istringstream text(*line);
            for (std::string word; text >> word;) words.push_back(word);
            return words;
        }
        const size_t count = number(line->substr(1), 1 << 20);
        while (words.size() < count) {
            auto length = read_line();
            if (!length) return std::nullopt;
            if (length->empty() || length->front() != '$') throw Error("Protocol error: expected '$'");
            const size_t size = number(length->substr(1), 64 << 20);
            while (input_.size() < size + 2) {
                if (!receive()) return std::nullopt;
            }
            words.push_back(input_.substr(0, size));
            if (input_.compare(size, 2, "\r\n") != 0) throw Error("Protocol error: a bulk string without its end");
            input_.erase(0, size + 2);
        }
        return words;
    }

    // Whether the replies can wait: more commands have been received, and the replies are few.
    bool can_wait() const { return !input_.empty() && output_.size() < (1 << 16); }

    void status(const std::string& text) { output_ += "+" + text + "\r\n"; }
    void error(const std::string& text) { output_ += "-" + text + "\r\n"; }
    void integer(long long number) { output_ += ":" + std::to_string(number) + "\r\n"; }
    void bulk(const std::string& value) { output_ += "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n"; }
    void nil() { output_ += "$-1\r\n"; }

    // Sends the replies; false when the client is gone.
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
    bool receive() {
        char buffer[16384];
        const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
        if (count > 0) input_.append(buffer, static_cast<size_t>(count));
        return count > 0;
    }

    std::optional<std::string> read_line() {
        size_t end;
        while ((end = input_.find('\n')) == std::string::npos) {
            if (input_.size() > 65536) throw Error("Protocol error: too long a line");
            if (!receive()) return std::nullopt;
        }
        std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        return line;
    }

    static size_t number(const std::string& text, size_t most) {
        char* end = nullptr;
        const unsigned long long number = std::strtoull(text.c_str(), &end, 10);
        if (text.empty() || text.front() == '-' || *end != '\0' || number > most) {
            throw Error("Protocol error: invalid length");
        }
        return static_cast<size_t>(number);
    }

    int socket_;
    std::string input_, output_;
};

}  // namespace resp
