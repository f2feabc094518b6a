//! The pages that fill from top to bottom, and what stands on each of them.

use super::canvas::{Align, HAIR, LEFT, Leaf, MUTED, PAGE_HEIGHT, RIGHT, Style};
use super::fonts::Weight;
use crate::sheet::Sheet;

/// Where a first page's and any other page's content begins.
const TOP_FIRST: f32 = 50.0;
const TOP: f32 = 78.0;
/// Where content ends; the footer is below.
const BOTTOM: f32 = PAGE_HEIGHT - 66.0;

const SMALL: Style = Style::new(Weight::Regular, 7.5, MUTED);

pub(crate) struct Flow {
    leaves: Vec<Leaf>,
    leaf: Leaf,
    is_draft: bool,
    /// Top of what comes next.
    pub(crate) y: f32,
}

impl Flow {
    pub(crate) fn new(sheet: &Sheet<'_>) -> Self {
        let mut flow = Self {
            leaves: Vec::new(),
            leaf: Leaf::default(),
            is_draft: sheet.document.is_draft(),
            y: TOP_FIRST,
        };
        flow.begin_page();
        flow
    }

    /// The page that is being filled.
    pub(crate) fn leaf(&mut self) -> &mut Leaf {
        &mut self.leaf
    }

    /// Whether this much more fits on the page.
    pub(crate) fn fits(&self, height: f32) -> bool {
        self.y + height <= BOTTOM
    }

    /// Goes on to a new page unless this much fits.
    pub(crate) fn need(&mut self, height: f32) {
        if !self.fits(height) {
            self.next_page();
        }
    }

    pub(crate) fn next_page(&mut self) {
        self.leaves.push(std::mem::take(&mut self.leaf));
        self.y = TOP;
        self.begin_page();
    }

    fn begin_page(&mut self) {
        if self.is_draft {
            self.leaf.watermark("DRAFT");
        }
    }

    /// All pages, with their headers and footers.
    pub(crate) fn finish(mut self, sheet: &Sheet<'_>) -> Vec<Leaf> {
        self.leaves.push(self.leaf);
        let count = self.leaves.len();
        for (at, leaf) in self.leaves.iter_mut().enumerate() {
            if at > 0 {
                header(leaf, sheet);
            }
            footer(leaf, sheet, at + 1, count);
        }
        self.leaves
    }
}

fn header(leaf: &mut Leaf, sheet: &Sheet<'_>) {
    let width = (RIGHT - LEFT) / 2.0 - 8.0;
    leaf.fitted(
        (LEFT, 50.0),
        Align::Left,
        &sheet.document.issuer.name,
        SMALL,
        width,
    );
    leaf.fitted((RIGHT, 50.0), Align::Right, &sheet.name(), SMALL, width);
    leaf.rule(58.0, LEFT, RIGHT, 0.5, HAIR);
}

fn footer(leaf: &mut Leaf, sheet: &Sheet<'_>, page: usize, pages: usize) {
    let issuer = &sheet.document.issuer;
    let parts = [&issuer.name, &issuer.email, &issuer.tax_id];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.trim().is_empty())
        .collect();
    let y = PAGE_HEIGHT - 36.0;
    leaf.rule(y - 14.0, LEFT, RIGHT, 0.5, HAIR);
    let text = parts.join(" \u{b7} ");
    leaf.fitted((LEFT, y), Align::Left, &text, SMALL, RIGHT - LEFT - 70.0);
    let text = format!("Page {page} of {pages}");
    leaf.text(RIGHT, y, Align::Right, &text, SMALL);
}
