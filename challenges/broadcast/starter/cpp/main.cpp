#include "node.hpp"

int main() {
    Node node;

    node.on_init([] {
        // Called once, before the first request. After a restart too: Node::data_dir() has what
        // the node wrote there before it was killed.
    });

    node.on("topology", [&node](const Message& request) {
        // A proposal of whom to talk to. You may follow it or not.
        node.reply(request, Json::object({{"type", "topology_ok"}}));
    });

    node.on("broadcast", [](const Message&) {
        // To do: keep `message` and answer `broadcast_ok`. From then on it must reach every node,
        // whatever happens to this one.
        throw Error(Error::not_supported, "broadcast is still to do");
    });

    node.on("read", [](const Message&) {
        // To do: answer `read_ok` with all `messages` that this node knows, each once.
        throw Error(Error::not_supported, "read is still to do");
    });

    // Add types of your own for what the nodes tell each other: node.send() and node.rpc(). For
    // what is to happen later there is node.set_timer().

    node.run();
}
