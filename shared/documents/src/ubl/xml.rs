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
        self.open(tag);
        self.text.push('\n');
        self.depth += 1;
        fill(self);
        self.depth -= 1;
        self.indent();
        self.close(tag);
    }

    /// An element of text. `tag` may carry attributes, which must be ours.
    pub(crate) fn text(&mut self, tag: &str, text: &str) {
        self.open(tag);
        self.text.push_str(&escape(text));
        self.close(tag);
    }

    /// An element of text, left out if that is blank: EN 16931 allows no empty elements.
    pub(crate) fn optional(&mut self, tag: &str, text: &str) {
        if !text.trim().is_empty() {
            self.text(tag, text.trim());
        }
    }

    fn open(&mut self, tag: &str) {
        self.indent();
        for part in ["<", tag, ">"] {
            self.text.push_str(part);
        }
    }

    fn close(&mut self, tag: &str) {
        let name = tag.split(' ').next().unwrap_or(tag);
        for part in ["</", name, ">\n"] {
            self.text.push_str(part);
        }
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
