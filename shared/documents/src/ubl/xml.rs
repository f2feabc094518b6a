//! Writing XML: elements in order, text escaped.

/// A document under construction. Elements are closed by the end of the function that fills them.
pub(crate) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    pub(crate) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            depth: 0,
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// An element of elements. `tag` may carry attributes, which must be ours.
    pub(crate) fn group(&mut self, tag: &str, fill: impl FnOnce(&mut Self)) {
        self.indent();
        self.text.push_str(&format!("<{tag}>\n"));
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        self.indent();
        self.close(tag);
    }

    /// An element of text. `tag` may carry attributes, which must be ours.
    pub(crate) fn text(&mut self, tag: &str, text: &str) {
        self.indent();
        self.text.push_str(&format!("<{tag}>{}", escape(text)));
        self.close(tag);
    }

    /// An element of text, left out if that is blank: EN 16931 allows no empty elements.
    pub(crate) fn optional(&mut self, tag: &str, text: &str) {
        if !text.trim().is_empty() {
            self.text(tag, text.trim());
        }
    }

    fn close(&mut self, tag: &str) {
        let name = tag.split(' ').next().unwrap_or(tag);
        self.text.push_str(&format!("</{name}>\n"));
    }

    fn indent(&mut self) {
        self.text.push_str(&"  ".repeat(self.depth));
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(c),
            // XML 1.0 has no way to write these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
