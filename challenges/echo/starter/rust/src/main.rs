mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};

struct Echo;

impl Program for Echo {
    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            // To do: answer `echo_ok` with the same `echo`, whatever JSON it is.
            //
            //     let body = Json::object([("type", "echo_ok".into()), …]);
            //     node.reply(message, body);
            "echo" => node.reply_error(message, code::NOT_SUPPORTED, "echo is still to do"),
            other => {
                let text = format!("no handler for {}", Json::from(other));
                node.reply_error(message, code::NOT_SUPPORTED, &text);
            }
        }
    }
}

fn main() {
    node::run(Echo);
}
