//! Sends back what it is sent.

mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};

struct Echo;

impl Program for Echo {
    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            "echo" => {
                // The payload is never turned into a type of ours, so nothing of it can get lost.
                let echo = message.body["echo"].clone();
                let body = Json::object([("type", "echo_ok".into()), ("echo", echo)]);
                node.reply(message, body);
            }
            _ => node.reply_error(message, code::NOT_SUPPORTED, "only echo"),
        }
    }
}

fn main() {
    node::run(Echo);
}
