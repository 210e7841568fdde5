//! Logos drawn from SVG: what is kept is the picture we drew, as PNG; nothing of the file itself is ever shown.
//!
//! Only plain shapes are taken (SVG 2 sections 5, 9, 10 and 13). Script, links to files, embedded images, text in fonts that
//! we do not have, filters and copies of copies are refused with their names, not left out.

use std::{collections::BTreeSet, io::Cursor};

use image::{ImageFormat, RgbaImage};
use resvg::{tiny_skia, usvg};

use super::logo::BYTES_MAX;
use crate::domain::kernel::{Error, Result};

/// Height of what is drawn, in pixels: twice what mails and pages show.
const HEIGHT: f32 = 240.0;
/// Widest that is drawn, in pixels.
const WIDTH_MAX: f32 = 960.0;
/// Most elements in a file.
const ELEMENTS_MAX: u32 = 5_000;
/// Deepest element: drawing goes down by itself, and would run out of stack.
const DEPTH_MAX: usize = 64;
/// The elements that are drawn, and those that only describe.
const ELEMENTS: [&str; 17] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "style",
    "title",
    "desc",
    "metadata",
];

/// Draws an SVG as PNG, 240 pixels high or 960 wide.
///
/// # Errors
/// Too large, no SVG, with what is not taken named, or nothing to be seen.
pub fn drawn(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::invalid(format!(
            "the SVG has {} kB; at most {} kB are taken",
            bytes.len() / 1024,
            BYTES_MAX / 1024
        )));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::invalid("the SVG is not UTF-8 text; save it as plain SVG").because(error))?;
    let limits =
        roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: ELEMENTS_MAX, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, limits)
        .map_err(|error| Error::invalid(format!("the SVG cannot be read: {error}; save it as plain SVG")))?;
    refuse_what_is_not_drawn(&document)?;
    // No folder and no fonts: nothing outside the file can come in.
    let tree = usvg::Tree::from_xmltree(&document, &usvg::Options::default())
        .map_err(|error| Error::invalid(format!("the SVG cannot be drawn: {error}")))?;
    picture(&tree)
}

fn refuse_what_is_not_drawn(document: &roxmltree::Document<'_>) -> Result<()> {
    let mut not_taken = BTreeSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        if node.ancestors().nth(DEPTH_MAX).is_some() {
            return Err(Error::invalid(format!(
                "the SVG nests groups more than {DEPTH_MAX} deep; ungroup what belongs to no group"
            )));
        }
        let name = node.tag_name();
        // What drawing programs note for themselves is in names of their own, and never drawn.
        if name.namespace().is_some_and(|namespace| namespace != "http://www.w3.org/2000/svg") {
            continue;
        }
        if !ELEMENTS.contains(&name.name()) {
            not_taken.insert(format!("<{}>", name.name()));
        }
        for attribute in node.attributes() {
            let name = attribute.name();
            if name == "href" && !is_end(document, attribute.value()) {
                not_taken.insert("links".to_owned());
            } else if name.starts_with("on") {
                not_taken.insert(format!("{name}="));
            }
        }
    }
    if not_taken.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = not_taken.into_iter().collect();
    Err(Error::invalid(format!(
        "the SVG holds {}, which is not drawn; convert text to paths, and keep to plain shapes and gradients",
        list.join(", ")
    )))
}

/// Whether a link leads to an element of this file that itself leads no further: chains and circles of them could be
/// followed for ever.
fn is_end(document: &roxmltree::Document<'_>, link: &str) -> bool {
    let Some(id) = link.strip_prefix('#') else { return false };
    let leads_on =
        |node: roxmltree::Node<'_, '_>| node.attributes().any(|attribute| attribute.name() == "href");
    document.descendants().filter(|node| node.attribute("id") == Some(id)).all(|node| !leads_on(node))
}

fn picture(tree: &usvg::Tree) -> Result<Vec<u8>> {
    let size = tree.size();
    let scale = (HEIGHT / size.height()).min(WIDTH_MAX / size.width());
    let side = |length: f32| {
        // At least a pixel, at most what the limits let through.
        let pixels = (length * scale).round().clamp(1.0, WIDTH_MAX);
        format!("{pixels}").parse::<u32>().unwrap_or(1)
    };
    let mut canvas = tiny_skia::Pixmap::new(side(size.width()), side(size.height()))
        .ok_or_else(|| Error::invalid("the SVG has no size; give it a viewBox"))?;
    resvg::render(tree, tiny_skia::Transform::from_scale(scale, scale), &mut canvas.as_mut());
    let pixels: Vec<u8> = canvas
        .pixels()
        .iter()
        .map(|pixel| pixel.demultiply())
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()])
        .collect();
    if pixels.chunks_exact(4).all(|pixel| pixel[3] == 0) {
        return Err(Error::invalid("the SVG shows nothing"));
    }
    let image = RgbaImage::from_raw(canvas.width(), canvas.height(), pixels)
        .ok_or_else(|| Error::internal("drawing an SVG"))?;
    let mut png = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|error| Error::internal("encoding an image").because(error))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::partner::logo;

    fn refused(svg: &str) -> String {
        drawn(svg.as_bytes()).unwrap_err().public().to_owned()
    }

    fn svg(inner: &str) -> String {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\">{inner}</svg>")
    }

    #[test]
    fn plain_shapes_are_drawn_the_same_every_time() {
        let shapes = svg(
            "<defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"#123\"/></linearGradient></defs>\
                          <g fill=\"url(#a)\"><rect width=\"30\" height=\"20\"/></g><path d=\"M30 0h9v9z\"/>",
        );
        let png = drawn(shapes.as_bytes()).unwrap();
        let shared = shapes
            .replace("</defs>", "<linearGradient id=\"b\" href=\"#a\"/></defs>")
            .replace("url(#a)", "url(#b)");
        drawn(shared.as_bytes()).unwrap();
        assert_eq!(drawn(shapes.as_bytes()).unwrap(), png);
        assert_eq!(logo::sanitise(&png).unwrap(), png, "it passes as a logo");
        let image = image::load_from_memory(&png).unwrap();
        assert_eq!((image.width(), image.height()), (480, 240));
        let wide = svg("<rect width=\"40\" height=\"20\"/>").replace("0 0 40 20", "0 0 4000 20");
        let image = image::load_from_memory(&drawn(wide.as_bytes()).unwrap()).unwrap();
        assert_eq!((image.width(), image.height()), (960, 5));
    }

    #[test]
    fn what_could_run_or_reach_out_is_refused_by_name() {
        let rect = "<rect width=\"9\" height=\"9\"/>";
        for (inner, named) in [
            ("<script>alert(1)</script>", "<script>"),
            ("<image href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>", "<image>, links"),
            ("<rect onload=\"x()\" width=\"9\" height=\"9\"/>", "onload="),
            (
                "<foreignObject><p xmlns=\"http://www.w3.org/1999/xhtml\">x</p></foreignObject>",
                "<foreignObject>",
            ),
            ("<use href=\"#a\"/>", "<use>"),
            (
                "<clipPath id=\"a\" clip-path=\"url(#a)\"><rect width=\"9\" height=\"9\"/></clipPath>",
                "<clipPath>",
            ),
            (
                "<linearGradient id=\"a\" href=\"#b\"/><linearGradient id=\"b\" href=\"#c\"/>\
                 <linearGradient id=\"c\" href=\"#b\"/>",
                "links",
            ),
            ("<text>Northlight</text>", "<text>"),
            (
                "<filter id=\"f\"><feGaussianBlur stdDeviation=\"9999\"/></filter>",
                "<feGaussianBlur>, <filter>",
            ),
            ("<linearGradient id=\"g\" href=\"https://elsewhere.example/g.svg#a\"/>", "links"),
        ] {
            let said = refused(&svg(&format!("{inner}{rect}")));
            assert!(said.contains(&format!("holds {named}, which is not drawn")), "{inner}: {said}");
        }
    }

    #[test]
    fn bombs_and_nonsense_end_at_once() {
        let entities = "<!DOCTYPE svg [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
        assert!(refused(&format!("{entities}{}", svg("<title>&b;</title>"))).contains("cannot be read"));
        assert!(refused(&svg(&"<rect/>".repeat(6_000))).contains("cannot be read"));
        assert!(refused(&"x".repeat(BYTES_MAX + 1)).contains("256 kB"));
        assert!(refused("GIF89a").contains("cannot be read"));
        assert!(refused(&svg("")).contains("shows nothing"));
        let huge = svg("<rect width=\"1e30\" height=\"1e30\"/>").replace("0 0 40 20", "0 0 1e30 1e30");
        // A picture or a refusal, and either at once.
        let _ = drawn(huge.as_bytes());
        assert!(drawn(&[0xff, 0xfe, 0x00]).is_err());
        let nested = |depth: usize| {
            svg(&format!("{}<rect width=\"9\" height=\"9\"/>{}", "<g>".repeat(depth), "</g>".repeat(depth)))
        };
        assert!(refused(&nested(1_500)).contains("more than 64 deep"));
        assert!(refused(&nested(4_900)).contains("more than 64 deep"));
        drawn(nested(60).as_bytes()).unwrap();
    }
}
