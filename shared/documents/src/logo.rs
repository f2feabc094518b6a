//! The issuer's mark: PNG, JPEG or SVG.
//!
//! An SVG has to consist of shapes in flat colors: text, pictures, gradients, patterns, masks, filters and clips are refused
//! rather than left out, so that what is printed is what was drawn. Nothing outside the file is ever looked at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Rect, Size, Transform};
use krilla::image::Image;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule, LineCap, LineJoin, Stroke, StrokeDash};
use krilla::surface::Surface;
use usvg::tiny_skia_path::PathSegment;

use crate::Error;
use crate::pdf;

/// Most bytes of a logo's file.
pub const BYTES_MAX: usize = 1 << 20;
/// Most pixels of one side.
const PIXELS_MAX: u32 = 4_096;

/// A logo that is known to be drawable.
#[derive(Clone)]
pub struct Logo {
    bytes: Vec<u8>,
    media_type: &'static str,
    picture: Picture,
}

#[derive(Clone)]
enum Picture {
    Pixels(Image),
    Shapes(Box<usvg::Tree>),
}

impl std::fmt::Debug for Logo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

impl Logo {
    /// Takes a file, and draws it once to know that it can be.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() > BYTES_MAX {
            return Err(refused("it is larger than 1 MiB"));
        }
        let (media_type, picture) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            let image = Image::from_png(bytes.clone().into(), false);
            ("image/png", pixels(image)?)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            let image = Image::from_jpeg(bytes.clone().into(), false);
            ("image/jpeg", pixels(image)?)
        } else {
            ("image/svg+xml", shapes(&bytes)?)
        };
        let logo = Self {
            bytes,
            media_type,
            picture,
        };
        pdf::try_logo(&logo)?;
        Ok(logo)
    }

    /// As an address that a page holds the picture by.
    pub(crate) fn data_uri(&self) -> String {
        format!(
            "data:{};base64,{}",
            self.media_type,
            STANDARD.encode(&self.bytes)
        )
    }

    /// The height at which it is as large as a space allows.
    pub(crate) fn height_within(&self, width: f32, height: f32) -> f32 {
        let (own_width, own_height) = self.size();
        height.min(width * own_height / own_width)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a side has 4,096 pixels at most"
    )]
    fn size(&self) -> (f32, f32) {
        match &self.picture {
            Picture::Pixels(image) => {
                let (width, height) = image.size();
                (width as f32, height as f32)
            }
            Picture::Shapes(tree) => (tree.size().width(), tree.size().height()),
        }
    }

    /// With its top left corner at a point, in points.
    pub(crate) fn draw(&self, surface: &mut Surface<'_>, x: f32, y: f32, height: f32) {
        let (own_width, own_height) = self.size();
        let scale = height / own_height;
        surface.push_transform(&Transform::from_translate(x, y));
        match &self.picture {
            Picture::Pixels(image) => {
                if let Some(size) = Size::from_wh(own_width * scale, height) {
                    surface.draw_image(image.clone(), size);
                }
            }
            Picture::Shapes(tree) => {
                surface.push_transform(&Transform::from_scale(scale, scale));
                let mut frame = PathBuilder::new();
                if let Some(area) = Rect::from_xywh(0.0, 0.0, own_width, own_height) {
                    frame.push_rect(area);
                }
                if let Some(frame) = frame.finish() {
                    surface.push_clip_path(&frame, &FillRule::NonZero);
                    draw_group(surface, tree.root());
                    surface.pop();
                }
                surface.pop();
            }
        }
        surface.pop();
    }
}

fn refused(why: &str) -> Error {
    Error::Logo(why.to_owned())
}

fn pixels(image: Result<Image, String>) -> Result<Picture, Error> {
    let image = image.map_err(|why| Error::Logo(format!("it is damaged: {why}")))?;
    let (width, height) = image.size();
    if width == 0 || height == 0 || width > PIXELS_MAX || height > PIXELS_MAX {
        return Err(Error::Logo(format!(
            "it has {width} x {height} pixels, each side may have 1 to {PIXELS_MAX}"
        )));
    }
    Ok(Picture::Pixels(image))
}

fn shapes(bytes: &[u8]) -> Result<Picture, Error> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains("<svg"))
        .ok_or_else(|| refused("it is neither PNG nor JPEG nor SVG"))?;
    // Without fonts text would be missing silently.
    if text.contains("<text") {
        return Err(refused("it has text: turn the text into paths"));
    }
    let options = usvg::Options {
        image_href_resolver: usvg::ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(text, &options)
        .map_err(|error| Error::Logo(format!("it is damaged: {error}")))?;
    if text.contains("<image") {
        return Err(refused(
            "it has a picture inside: use PNG or JPEG, or shapes",
        ));
    }
    check_group(tree.root())?;
    Ok(Picture::Shapes(Box::new(tree)))
}

fn check_group(group: &usvg::Group) -> Result<(), Error> {
    if group.clip_path().is_some() || group.mask().is_some() || !group.filters().is_empty() {
        return Err(refused("it has clips, masks or filters: use plain shapes"));
    }
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => check_group(group)?,
            usvg::Node::Path(path) => {
                let fill = path.fill().map(usvg::Fill::paint);
                let stroke = path.stroke().map(usvg::Stroke::paint);
                let is_flat = |paint: &usvg::Paint| matches!(paint, usvg::Paint::Color(_));
                if !fill.into_iter().chain(stroke).all(is_flat) {
                    return Err(refused("it has gradients or patterns: use flat colors"));
                }
            }
            usvg::Node::Image(_) | usvg::Node::Text(_) => {
                return Err(refused("it has more than shapes: use paths only"));
            }
        }
    }
    Ok(())
}

fn draw_group(surface: &mut Surface<'_>, group: &usvg::Group) {
    surface.push_transform(&transform(group.transform()));
    surface.push_opacity(opacity(group.opacity()));
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => draw_group(surface, group),
            usvg::Node::Path(path) if path.is_visible() => draw_path(surface, path),
            _ => {}
        }
    }
    surface.pop();
    surface.pop();
}

fn draw_path(surface: &mut Surface<'_>, path: &usvg::Path) {
    let Some(outline) = outline(path) else { return };
    let fill = path.fill().and_then(fill);
    let stroke = path.stroke().and_then(stroke);
    // Without either krilla would fill with black.
    if fill.is_some() {
        surface.set_stroke(None);
        surface.set_fill(fill);
        surface.draw_path(&outline);
    }
    if stroke.is_some() {
        surface.set_fill(None);
        surface.set_stroke(stroke);
        surface.draw_path(&outline);
        surface.set_stroke(None);
    }
}

fn outline(path: &usvg::Path) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for segment in path.data().segments() {
        match segment {
            PathSegment::MoveTo(to) => builder.move_to(to.x, to.y),
            PathSegment::LineTo(to) => builder.line_to(to.x, to.y),
            PathSegment::QuadTo(by, to) => builder.quad_to(by.x, by.y, to.x, to.y),
            PathSegment::CubicTo(by, then, to) => {
                builder.cubic_to(by.x, by.y, then.x, then.y, to.x, to.y);
            }
            PathSegment::Close => builder.close(),
        }
    }
    builder.finish()
}

fn transform(from: usvg::Transform) -> Transform {
    Transform::from_row(from.sx, from.ky, from.kx, from.sy, from.tx, from.ty)
}

fn opacity(from: usvg::Opacity) -> NormalizedF32 {
    NormalizedF32::new(from.get()).unwrap_or(NormalizedF32::ONE)
}

fn color(paint: &usvg::Paint) -> Option<rgb::Color> {
    match paint {
        usvg::Paint::Color(color) => Some(rgb::Color::new(color.red, color.green, color.blue)),
        _ => None,
    }
}

fn fill(from: &usvg::Fill) -> Option<Fill> {
    Some(Fill {
        paint: color(from.paint())?.into(),
        opacity: opacity(from.opacity()),
        rule: match from.rule() {
            usvg::FillRule::NonZero => FillRule::NonZero,
            usvg::FillRule::EvenOdd => FillRule::EvenOdd,
        },
    })
}

fn stroke(from: &usvg::Stroke) -> Option<Stroke> {
    let dash = from.dasharray().map(|array| StrokeDash {
        array: array.to_vec(),
        offset: from.dashoffset(),
    });
    Some(Stroke {
        paint: color(from.paint())?.into(),
        width: from.width().get(),
        miter_limit: from.miterlimit().get(),
        line_cap: match from.linecap() {
            usvg::LineCap::Butt => LineCap::Butt,
            usvg::LineCap::Round => LineCap::Round,
            usvg::LineCap::Square => LineCap::Square,
        },
        line_join: match from.linejoin() {
            usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => LineJoin::Miter,
            usvg::LineJoin::Round => LineJoin::Round,
            usvg::LineJoin::Bevel => LineJoin::Bevel,
        },
        opacity: opacity(from.opacity()),
        dash,
    })
}
