//! The calls of a case as they are recorded: what clients asked, when, and what they were told.

use crate::time::Offset;
use std::{fmt, str::FromStr, sync::Arc};

/// One client call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which client called; a client has one call open at a time.
    pub client: u32,
    /// Which node was called.
    pub node: u32,
    /// What for.
    pub role: Role,
    /// The `type` of the request.
    pub function: Arc<str>,
    /// When the request was handed to the node.
    pub invoked: Offset,
    /// When the reply was read; none when there was none in time.
    pub returned: Option<Offset>,
    /// How it ended.
    pub outcome: Outcome,
    /// Body of the request as JSON text.
    pub request: Arc<str>,
    /// Body of the reply as JSON text.
    pub reply: Option<Arc<str>>,
}

/// What an operation was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Prepares the nodes, before the work.
    Opening,
    /// The workload; the only operations that count as client operations.
    Work,
    /// Looks at a node on a fixed period to see what it knows.
    Probe,
    /// Final reads, after the last fault.
    Closing,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Refused with a definite error code: it did not take effect.
    Failed(u32),
    /// It may or may not have taken effect: no reply in time, or an indefinite error.
    Unknown(Option<u32>),
}

impl Call {
    /// Whether it was answered without an error.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// Whether it was due and was never sent, since its client still waited for an answer.
    pub fn was_not_made(&self) -> bool {
        self.returned.is_none() && matches!(self.outcome, Outcome::Failed(_))
    }
}

/// The `function` of a call that says that a client's connection has ended: it asks for nothing.
pub const DISCONNECT: &str = "disconnect";

/// Maelstrom's error codes that say for certain that the operation did not take effect.
pub fn is_definite(code: u32) -> bool {
    matches!(code, 1 | 10 | 11 | 12 | 14 | 20 | 21 | 22 | 30)
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening",
            Self::Work => "work",
            Self::Probe => "probe",
            Self::Closing => "closing",
        })
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Opening, Self::Work, Self::Probe, Self::Closing]
            .into_iter()
            .find(|role| role.to_string() == text)
            .ok_or_else(|| format!("`{text}` is no role of an operation"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(code) => write!(f, "failed:{code}"),
            Self::Unknown(Some(code)) => write!(f, "unknown:{code}"),
            Self::Unknown(None) => f.write_str("unknown"),
        }
    }
}

impl FromStr for Outcome {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no outcome of an operation");
        match text.split_once(':') {
            None if text == "ok" => Ok(Self::Ok),
            None if text == "unknown" => Ok(Self::Unknown(None)),
            Some(("failed", code)) => Ok(Self::Failed(code.parse().map_err(|_| wrong())?)),
            Some(("unknown", code)) => Ok(Self::Unknown(Some(code.parse().map_err(|_| wrong())?))),
            _ => Err(wrong()),
        }
    }
}

/// The operations of a case in order of their invocation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// All operations; an operation's id is its index.
    pub operations: Vec<Call>,
}

const HEADER: &str = "role\tclient\tnode\tfunction\tinvoked_ns\treturned_ns\toutcome\trequest\treply";

impl Calls {
    /// The record's form: one operation a line, columns separated by tabs.
    pub fn to_text(&self) -> String {
        let mut text = String::from(HEADER);
        text.push('\n');
        for op in &self.operations {
            let returned = op.returned.map_or("-".to_owned(), |at| at.0.to_string());
            text.push_str(&format!(
                "{}\t{}\t{}\t{}\t{}\t{returned}\t{}\t{}\t{}\n",
                op.role,
                op.client,
                op.node,
                cell(&op.function),
                op.invoked.0,
                op.outcome,
                cell(&op.request),
                op.reply.as_deref().map_or("-".into(), cell)
            ));
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; an incomplete last line, as an interrupted run leaves it, is left out.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut functions: Vec<Arc<str>> = Vec::new();
        let mut operations = Vec::new();
        for (number, line) in complete_lines(text, HEADER)? {
            let op = operation(line, &mut functions).map_err(|why| format!("line {number}: {why}"))?;
            operations.push(op);
        }
        Ok(Self { operations })
    }
}

/// The lines after the header that are whole, with their numbers.
pub(crate) fn complete_lines<'a>(
    text: &'a str,
    header: &str,
) -> Result<impl Iterator<Item = (usize, &'a str)>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines().enumerate().map(|(index, line)| (index + 1, line));
    match lines.next() {
        Some((_, first)) if first == header => Ok(lines),
        Some((_, first)) => Err(format!("line 1: unknown columns `{}`", crate::text::excerpt(first, 80))),
        None => Err("the file is empty".to_owned()),
    }
}

/// JSON text fit for a column: raw tabs and line ends are only white space between tokens there.
///
/// Whoever records a message applies it at once, so that what is judged is what will be read back.
pub fn cell(json: &str) -> std::borrow::Cow<'_, str> {
    // All bytes without a branch, which compiles to a few vector instructions: a client waits for this at every reply.
    let breaks = json.bytes().fold(false, |any, byte| any | matches!(byte, b'\t' | b'\n' | b'\r'));
    if breaks { json.replace(['\t', '\n', '\r'], " ").into() } else { json.into() }
}

fn operation(line: &str, functions: &mut Vec<Arc<str>>) -> Result<Call, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [role, client, node, function, invoked, returned, outcome, request, reply] = columns[..] else {
        return Err(format!("{} columns instead of 9", columns.len()));
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    let function = cell(function);
    let function = &*function;
    let function = match functions.iter().find(|known| &***known == function) {
        Some(known) => known.clone(),
        None => {
            functions.push(function.into());
            function.into()
        }
    };
    Ok(Call {
        client: number(client)? as u32,
        node: number(node)? as u32,
        role: role.parse()?,
        function,
        invoked: Offset(number(invoked)?),
        returned: if returned == "-" { None } else { Some(Offset(number(returned)?)) },
        outcome: outcome.parse()?,
        // A record of any origin: what was read is what would be written.
        request: cell(request).into(),
        reply: if reply == "-" { None } else { Some(cell(reply).into()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn operations() -> impl Strategy<Value = Call> {
        let role = prop::sample::select(vec![Role::Opening, Role::Work, Role::Probe, Role::Closing]);
        let outcome = prop_oneof![
            Just(Outcome::Ok),
            (0..2000u32).prop_map(Outcome::Failed),
            prop::option::of(0..2000u32).prop_map(Outcome::Unknown)
        ];
        let json = "\\{\"a\":\"[a-z \\\\u]{0,9}\"\\}";
        (role, any::<(u32, u32, u64)>(), outcome, json, prop::option::of((any::<u64>(), json))).prop_map(
            |(role, (client, node, invoked), outcome, request, reply)| Call {
                client,
                node,
                role,
                function: "read".into(),
                invoked: Offset(invoked),
                returned: reply.as_ref().map(|(at, _)| Offset(*at)),
                outcome,
                request: request.into(),
                reply: reply.map(|(_, text)| text.into()),
            },
        )
    }

    proptest! {
        #[test]
        fn text_round_trips(operations in prop::collection::vec(operations(), 0..20)) {
            let history = Calls { operations };
            prop_assert_eq!(Calls::from_text(&history.to_text()), Ok(history));
        }

        #[test]
        fn a_torn_tail_loses_only_the_last_line(operations in prop::collection::vec(operations(), 1..9), cut in 1usize..30) {
            let history = Calls { operations };
            let text = history.to_text();
            let last = text.trim_end().rfind('\n').unwrap() + 1;
            let torn = &text[..(text.len() - cut).max(last)];
            let read = Calls::from_text(torn).unwrap();
            prop_assert_eq!(&read.operations[..], &history.operations[..history.operations.len() - 1]);
        }
    }

    #[test]
    fn what_was_read_is_what_would_be_written() {
        let text = format!("{HEADER}\nwork\t1\t0\tre\rad\t5\t6\tok\t{{\r}}\t{{\"a\":\r1}}\n");
        let read = Calls::from_text(&text).unwrap();
        assert_eq!(read.operations[0].reply.as_deref(), Some("{\"a\": 1}"));
        assert_eq!(Calls::from_text(&read.to_text()), Ok(read));
    }

    #[test]
    fn damage_is_named() {
        assert!(Calls::from_text("nonsense\n").unwrap_err().contains("unknown columns"));
        let damaged = format!("{HEADER}\nwork\t1\t2\n");
        assert_eq!(Calls::from_text(&damaged).unwrap_err(), "line 2: 3 columns instead of 9");
    }
}
