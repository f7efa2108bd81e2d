#include "node.hpp"

int main() {
    Node node;

    node.on("echo", [](const Message&) {
        // To do: answer `echo_ok` with the same `echo`, whatever JSON it is.
        //
        //     node.reply(request, Json::object({{"type", "echo_ok"}, …}));
        throw Error(Error::not_supported, "echo is still to do");
    });

    node.run();
}
