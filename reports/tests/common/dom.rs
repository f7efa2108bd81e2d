//! A page as a browser's parser sees it.

use html5ever::{ParseOpts, parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// One step through the tree: an element with its attributes, a text, a comment, or the end of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Open { name: String, attributes: Vec<(String, String)> },
    Text(String),
    Other(String),
    Close,
}

/// The steps of a page, in order.
pub fn tree(html: &str) -> Vec<Step> {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    let mut steps = Vec::new();
    walk(&dom.document, &mut steps);
    steps
}

fn walk(node: &Handle, steps: &mut Vec<Step>) {
    let element = match &node.data {
        NodeData::Element { name, attrs, .. } => {
            let attributes = attrs.borrow();
            let mut attributes: Vec<(String, String)> =
                attributes.iter().map(|each| (each.name.local.to_string(), each.value.to_string())).collect();
            attributes.sort();
            steps.push(Step::Open { name: name.local.to_string(), attributes });
            true
        }
        NodeData::Text { contents } => {
            steps.push(Step::Text(contents.borrow().to_string()));
            false
        }
        NodeData::Comment { contents } => {
            steps.push(Step::Other(contents.to_string()));
            false
        }
        _ => false,
    };
    node.children.borrow().iter().for_each(|child| walk(child, steps));
    steps.extend(element.then_some(Step::Close));
}

/// What loads or runs something, or sends it somewhere.
pub fn active(steps: &[Step]) -> Option<String> {
    let loads = [
        "script",
        "link",
        "iframe",
        "frame",
        "img",
        "image",
        "object",
        "embed",
        "form",
        "base",
        "use",
        "audio",
        "video",
        "source",
        "track",
        "applet",
        "foreignObject",
        "animate",
        "set",
        "input",
        "button",
    ];
    for step in steps {
        let Step::Open { name, attributes } = step else {
            if let Step::Other(text) = step {
                return Some(format!("a comment: {text}"));
            }
            continue;
        };
        if loads.contains(&name.as_str()) {
            return Some(format!("<{name}>"));
        }
        for (key, value) in attributes {
            let link = key == "href" && !value.starts_with('#');
            let style = key == "style" && value.contains(['(', '@', '\\']);
            if key.starts_with("on")
                || matches!(key.as_str(), "src" | "srcset" | "action" | "ping" | "srcdoc")
                || link
                || style
            {
                return Some(format!("{key}={value} in <{name}>"));
            }
        }
    }
    None
}

/// The page without its texts and without the insides of figures, where a label is left out when it has no room.
pub fn page(steps: &[Step]) -> Vec<String> {
    let (mut depth, mut figure) = (0, None);
    let mut page = Vec::new();
    for step in steps {
        match step {
            Step::Open { name, attributes } => {
                if figure.is_none() {
                    let keys: Vec<&str> = attributes.iter().map(|(key, _)| key.as_str()).collect();
                    page.push(format!("<{name} {}>", keys.join(" ")));
                }
                if name == "svg" {
                    figure.get_or_insert(depth);
                }
                depth += 1;
            }
            Step::Close => {
                depth -= 1;
                figure = figure.filter(|at| *at != depth);
                page.extend(figure.is_none().then(|| "</>".to_owned()));
            }
            Step::Other(_) => page.push("other".into()),
            Step::Text(_) => {}
        }
    }
    page
}

/// An element inside a figure that no figure of ours has.
pub fn foreign_figure(steps: &[Step]) -> Option<String> {
    let ours = ["svg", "title", "desc", "g", "line", "rect", "circle", "polygon", "polyline", "path", "text", "tspan"];
    let (mut depth, mut figure) = (0, None);
    for step in steps {
        match step {
            Step::Open { name, .. } => {
                if figure.is_some() && !ours.contains(&name.as_str()) {
                    return Some(format!("<{name}> in a figure"));
                }
                if name == "svg" {
                    figure.get_or_insert(depth);
                }
                depth += 1;
            }
            Step::Close => {
                depth -= 1;
                figure = figure.filter(|at| *at != depth);
            }
            _ => {}
        }
    }
    None
}

/// The text with the characters that HTML gives a meaning to replaced by letters that are as wide in a figure.
pub fn tame(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '<' | '>' | '&' | '"' => 'x',
            '\'' => 'i',
            letter => letter,
        })
        .collect()
}

/// All steps with tame texts. Anchors are made of texts, so only their presence is compared.
pub fn tamed(steps: &[Step]) -> Vec<String> {
    let value = |key: &str, value: &str| match key {
        "id" | "href" | "aria-labelledby" => String::new(),
        _ => tame(value),
    };
    let words = |step: &Step| match step {
        Step::Open { name, attributes } => {
            let all: Vec<String> = attributes.iter().map(|(key, text)| format!("{key}={}", value(key, text))).collect();
            format!("<{name} {}>", all.join(" "))
        }
        Step::Text(text) => tame(text),
        Step::Other(text) => format!("<!--{text}-->"),
        Step::Close => "</>".into(),
    };
    steps.iter().map(words).collect()
}

/// The first step at which two pages differ.
pub fn difference(found: &[String], expected: &[String]) -> Option<String> {
    let step = found.iter().zip(expected).find(|(one, other)| one != other);
    let step = step.map(|(one, other)| format!("{one} instead of {other}"));
    step.or_else(|| {
        (found.len() != expected.len()).then(|| format!("{} steps instead of {}", found.len(), expected.len()))
    })
}
