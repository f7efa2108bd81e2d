// Your solution to the challenge job-queue. It listens and knows no command yet.
#include "beanstalk.hpp"

#include <arpa/inet.h>
#include <cstdio>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <thread>

// Does what a command says. This is where your work begins.
static void execute(beanstalk::Connection& connection, const beanstalk::Command&) {
    connection.line("INTERNAL_ERROR");
}

static void serve(int socket) {
    beanstalk::Connection connection(socket);
    try {
        while (auto command = connection.read()) {
            if (command->wrong.empty()) execute(connection, *command);
            else connection.line(command->wrong);
            // Several commands may have come at once: their answers go back together.
            if (!connection.can_wait() && !connection.flush()) return;
        }
    } catch (const beanstalk::Error&) {
        connection.line("BAD_FORMAT");
        connection.flush();
    }
}

int main() {
    const char* listen_on = std::getenv("TAKEHOME_LISTEN");
    const std::string address = listen_on ? listen_on : "127.0.0.1:11300";
    const size_t colon = address.rfind(':');
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || listen(listener, 1024) != 0) {
        std::perror("listen");
        return 1;
    }
    std::fprintf(stderr, "listening on %s\n", address.c_str());
    for (;;) {
        const int socket = accept(listener, nullptr, nullptr);
        if (socket < 0) return 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        std::thread(serve, socket).detach();
    }
}
