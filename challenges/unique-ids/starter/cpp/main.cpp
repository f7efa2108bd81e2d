#include "node.hpp"

int main() {
    Node node;

    node.on_init([] {
        // Called once, before the first request. After a restart too: Node::data_dir() has what
        // the node wrote there before it was killed.
    });

    node.on("generate", [](const Message&) {
        // To do: answer `generate_ok` with an `id` that no node ever gave out before.
        //
        //     node.reply(request, Json::object({{"type", "generate_ok"}, …}));
        throw Error(Error::not_supported, "generate is still to do");
    });

    node.run();
}
