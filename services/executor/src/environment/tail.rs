//! The last 4 KiB of an invocation's log, for `X-Amz-Log-Result`.

/// Lambda returns so much of the log with an answer.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// Keeps the end of what is pushed.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// Adds a line; its end is added here.
    pub(super) fn push(&mut self, line: &str) {
        let line = line.as_bytes();
        // Of a line longer than the whole tail only the end can stay.
        self.0
            .extend_from_slice(&line[line.len().saturating_sub(TAIL_BYTES_MAX)..]);
        self.0.push(b'\n');
        if self.0.len() > 4 * TAIL_BYTES_MAX {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.0.drain(..self.0.len().saturating_sub(TAIL_BYTES_MAX));
    }

    /// The tail; what is pushed next begins a new one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.cut();
        std::mem::take(&mut self.0)
    }

    /// Forgets what was pushed but keeps its room.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end() {
        let mut tail = Tail::default();
        tail.push("one");
        tail.push("two");
        assert_eq!(tail.take(), b"one\ntwo\n");
        assert_eq!(tail.take(), b"");
        for number in 0..5_000 {
            tail.push(&number.to_string());
        }
        let text = String::from_utf8(tail.take()).unwrap();
        assert_eq!(text.len(), TAIL_BYTES_MAX);
        assert!(text.ends_with("\n4998\n4999\n"), "{text}");
        tail.push(&"x".repeat(10_000));
        assert_eq!(tail.take().len(), TAIL_BYTES_MAX);
    }
}
