//! The two fonts of a PDF, and text set in them.
//!
//! The fonts are Inter (SIL Open Font License, `fonts/OFL.txt`), cut down to Latin, Greek and Cyrillic with their accents,
//! punctuation and currency signs. A character beyond these is shown as `□`: Chinese, Japanese, Korean, Arabic, Hebrew and
//! emoji among them. The HTML, JSON and XML of the same document have it.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::ttf_parser::Tag;
use rustybuzz::{Direction, Face, Feature, ShapePlan, UnicodeBuffer, script};

/// What stands for a character that the fonts do not have.
const MISSING: char = '\u{25a1}';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

struct Cut {
    face: Face<'static>,
    font: Font,
    plan: ShapePlan,
    /// With digits of one width, so that columns of numbers stand in line.
    numbers: ShapePlan,
}

/// Parsed once per process.
static REGULAR: LazyLock<Option<Cut>> =
    LazyLock::new(|| Cut::new(include_bytes!("../../fonts/Inter-Regular.ttf")));
static BOLD: LazyLock<Option<Cut>> =
    LazyLock::new(|| Cut::new(include_bytes!("../../fonts/Inter-SemiBold.ttf")));

impl Cut {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        let face = Face::from_slice(bytes, 0)?;
        let plan = |features: &[Feature]| {
            let script = Some(script::LATIN);
            ShapePlan::new(&face, Direction::LeftToRight, script, None, features)
        };
        let numbers = plan(&[Feature::new(Tag::from_bytes(b"tnum"), 1, ..)]);
        let plan = plan(&[]);
        let font = Font::new(bytes.into(), 0)?;
        Some(Self {
            face,
            font,
            plan,
            numbers,
        })
    }
}

fn cut(weight: Weight) -> Option<&'static Cut> {
    match weight {
        Weight::Regular => REGULAR.as_ref(),
        Weight::Bold => BOLD.as_ref(),
    }
}

/// Whether both fonts could be read; they are part of the program, so this is a check of its build.
pub(crate) fn are_sound() -> bool {
    REGULAR.is_some() && BOLD.is_some()
}

/// A line of text in one weight, ready to be placed.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    pub(crate) font: Option<Font>,
    /// In units of the font size.
    pub(crate) width_em: f32,
}

impl Run {
    pub(crate) fn new(text: &str, weight: Weight) -> Self {
        let Some(cut) = cut(weight) else {
            return Self {
                text: String::new(),
                glyphs: Vec::new(),
                font: None,
                width_em: 0.0,
            };
        };
        let text = covered(text, &cut.face);
        let glyphs = shape(&text, cut);
        Self {
            width_em: glyphs.iter().map(|glyph| glyph.x_advance).sum(),
            text,
            glyphs,
            font: Some(cut.font.clone()),
        }
    }
}

/// The text with a sign for each character that the font lacks, and a space for each control character.
fn covered(text: &str, face: &Face<'_>) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if face.glyph_index(c).is_some() => c,
            _ => MISSING,
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "font units are far below 2^24")]
fn shape(text: &str, cut: &Cut) -> Vec<KrillaGlyph> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    buffer.set_direction(Direction::LeftToRight);
    // What has no letters has no script of its own; a plan is dear, so that of Latin is kept.
    let is_latin = [script::LATIN, script::COMMON, script::UNKNOWN].contains(&buffer.script());
    let shaped = if is_latin {
        buffer.set_script(script::LATIN);
        let plan = if is_number(text) {
            &cut.numbers
        } else {
            &cut.plan
        };
        rustybuzz::shape_with_plan(&cut.face, plan, buffer)
    } else {
        rustybuzz::shape(&cut.face, &[], buffer)
    };
    let em = cut.face.units_per_em() as f32;
    let infos = shaped.glyph_infos();
    let mut glyphs = Vec::with_capacity(infos.len());
    for (at, (info, position)) in infos.iter().zip(shaped.glyph_positions()).enumerate() {
        let next = infos[at..].iter().find(|next| next.cluster != info.cluster);
        let end = next.map_or(text.len(), |next| next.cluster as usize);
        glyphs.push(KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            position.x_advance as f32 / em,
            position.x_offset as f32 / em,
            position.y_offset as f32 / em,
            position.y_advance as f32 / em,
            info.cluster as usize..end,
            None,
        ));
    }
    glyphs
}

fn is_number(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\u{2212}');
    text.chars().all(is_part)
}

/// Breaks a text into lines no wider than `width_em`, at spaces where there are any.
///
/// Widths are those of the characters without kerning: a line is shaped once, when it is known, and time grows with the text's
/// length.
pub(crate) fn wrap(text: &str, weight: Weight, width_em: f32) -> Vec<Run> {
    let Some(cut) = cut(weight) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let (mut line, mut width) = (String::new(), 0.0);
    for word in text.split_whitespace() {
        let word_width: f32 = word.chars().map(|c| advance(c, cut)).sum();
        let gap = if line.is_empty() {
            0.0
        } else {
            advance(' ', cut)
        };
        if width + gap + word_width > width_em && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            width = 0.0;
        } else if gap > 0.0 {
            line.push(' ');
            width += gap;
        }
        for c in word.chars() {
            // Only a word that is wider than a line gets here with a full one.
            if width + advance(c, cut) > width_em && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                width = 0.0;
            }
            line.push(c);
            width += advance(c, cut);
        }
    }
    lines.push(line);
    lines.retain(|line| !line.is_empty());
    lines.iter().map(|line| Run::new(line, weight)).collect()
}

/// Width of a character alone, in units of the font size.
#[expect(clippy::cast_precision_loss, reason = "font units are far below 2^24")]
fn advance(c: char, cut: &Cut) -> f32 {
    let glyph = cut
        .face
        .glyph_index(c)
        .or_else(|| cut.face.glyph_index(MISSING));
    let units = glyph.and_then(|glyph| cut.face.glyph_hor_advance(glyph));
    f32::from(units.unwrap_or_default()) / cut.face.units_per_em() as f32
}
