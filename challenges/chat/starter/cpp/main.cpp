// Your solution to the challenge chat. It asks for a name, and then listens to nobody.
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

// One client, from its coming to its end. This is where your work begins.
static void serve(int socket) {
    const std::string prompt = "Welcome. What is your name?\n";
    send(socket, prompt.data(), prompt.size(), MSG_NOSIGNAL);
    std::string input;
    char buffer[4096];
    for (ssize_t count; (count = recv(socket, buffer, sizeof buffer, 0)) > 0;) {
        input.append(buffer, static_cast<size_t>(count));
        for (size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
            std::fprintf(stderr, "somebody said %s\n", input.substr(0, end).c_str());
        }
    }
    close(socket);
}

int main() {
    const char* listen_on = std::getenv("TAKEHOME_LISTEN");
    const std::string address = listen_on ? listen_on : "127.0.0.1:7000";
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
