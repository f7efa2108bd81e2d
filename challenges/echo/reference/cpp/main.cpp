// Sends back what it is sent.

#include "node.hpp"

int main() {
    Node node;

    node.on("echo", [&node](const Message& request) {
        node.reply(request, Json::object({{"type", "echo_ok"}, {"echo", request.body["echo"]}}));
    });

    node.run();
}
