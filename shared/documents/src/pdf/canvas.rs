//! Pages as lists of what is on them, in points from the top left corner: laid out first, drawn when their number is known.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect, Transform};
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;

use super::fonts::{Run, Weight};
use crate::logo::Logo;

/// A4.
pub(crate) const PAGE_WIDTH: f32 = 595.28;
pub(crate) const PAGE_HEIGHT: f32 = 841.89;
pub(crate) const LEFT: f32 = 52.0;
pub(crate) const RIGHT: f32 = PAGE_WIDTH - 52.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Color(u8, u8, u8);

/// Text.
pub(crate) const INK: Color = Color(0x17, 0x1c, 0x26);
/// Labels.
pub(crate) const MUTED: Color = Color(0x5b, 0x66, 0x76);
/// Rules between lines.
pub(crate) const HAIR: Color = Color(0xdd, 0xe2, 0xe9);
/// Behind what matters most.
pub(crate) const TINT: Color = Color(0xf2, 0xf5, 0xf9);
/// Bars, rules under headings.
pub(crate) const ACCENT: Color = Color(0x1f, 0x4f, 0x82);
/// The mark of a draft.
pub(crate) const GHOST: Color = Color(0xec, 0xee, 0xf2);

/// Which side of a text its x is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    Center,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    pub(crate) size: f32,
    pub(crate) color: Color,
}

impl Style {
    pub(crate) const fn new(weight: Weight, size: f32, color: Color) -> Self {
        Self {
            weight,
            size,
            color,
        }
    }
}

enum Op {
    Text {
        x: f32,
        baseline: f32,
        run: Run,
        size: f32,
        color: Color,
    },
    Box {
        area: Rect,
        color: Color,
    },
    Logo {
        x: f32,
        y: f32,
        height: f32,
    },
    /// Large, across the page.
    Watermark {
        run: Run,
    },
}

/// What is on a page.
#[derive(Default)]
pub(crate) struct Leaf {
    ops: Vec<Op>,
}

impl Leaf {
    pub(crate) fn run(&mut self, x: f32, baseline: f32, align: Align, run: Run, style: Style) {
        let width = run.width_em * style.size;
        let x = match align {
            Align::Left => x,
            Align::Right => x - width,
            Align::Center => x - width / 2.0,
        };
        self.ops.push(Op::Text {
            x,
            baseline,
            run,
            size: style.size,
            color: style.color,
        });
    }

    pub(crate) fn text(&mut self, x: f32, baseline: f32, align: Align, text: &str, style: Style) {
        self.run(x, baseline, align, Run::new(text, style.weight), style);
    }

    /// Text that gets smaller rather than wider than `width`.
    pub(crate) fn fitted(
        &mut self,
        (x, baseline): (f32, f32),
        align: Align,
        text: &str,
        style: Style,
        width: f32,
    ) {
        let run = Run::new(text, style.weight);
        let natural = run.width_em * style.size;
        let size = if natural > width {
            style.size * width / natural
        } else {
            style.size
        };
        self.run(x, baseline, align, run, Style { size, ..style });
    }

    pub(crate) fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color) {
        if let Some(area) = Rect::from_xywh(x, y, width, height) {
            self.ops.push(Op::Box { area, color });
        }
    }

    /// A line from left to right.
    pub(crate) fn rule(&mut self, y: f32, left: f32, right: f32, thickness: f32, color: Color) {
        self.rect(left, y, right - left, thickness, color);
    }

    pub(crate) fn logo(&mut self, x: f32, y: f32, height: f32) {
        self.ops.push(Op::Logo { x, y, height });
    }

    /// Behind everything else if it comes first.
    pub(crate) fn watermark(&mut self, text: &str) {
        self.ops.push(Op::Watermark {
            run: Run::new(text, Weight::Bold),
        });
    }

    pub(crate) fn draw(&self, surface: &mut Surface<'_>, logo: Option<&Logo>) {
        for op in &self.ops {
            match op {
                Op::Text {
                    x,
                    baseline,
                    run,
                    size,
                    color,
                } => draw_run(surface, Point::from_xy(*x, *baseline), run, *size, *color),
                Op::Box { area, color } => {
                    let mut path = PathBuilder::new();
                    path.push_rect(*area);
                    if let Some(path) = path.finish() {
                        surface.set_fill(Some(fill(*color)));
                        surface.draw_path(&path);
                    }
                }
                Op::Logo { x, y, height } => {
                    if let Some(logo) = logo {
                        logo.draw(surface, *x, *y, *height);
                    }
                }
                Op::Watermark { run } => draw_watermark(surface, run),
            }
        }
    }
}

fn draw_watermark(surface: &mut Surface<'_>, run: &Run) {
    let size = 150.0;
    let (x, y) = (PAGE_WIDTH / 2.0, PAGE_HEIGHT / 2.0);
    surface.push_transform(&Transform::from_rotate_at(-52.0, x, y));
    let start = Point::from_xy(x - run.width_em * size / 2.0, y + size * 0.36);
    draw_run(surface, start, run, size, GHOST);
    surface.pop();
}

fn draw_run(surface: &mut Surface<'_>, start: Point, run: &Run, size: f32, color: Color) {
    if let (Some(font), false) = (&run.font, run.glyphs.is_empty()) {
        surface.set_fill(Some(fill(color)));
        surface.draw_glyphs(start, &run.glyphs, font.clone(), &run.text, size, false);
    }
}

fn fill(Color(red, green, blue): Color) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: krilla::num::NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}
