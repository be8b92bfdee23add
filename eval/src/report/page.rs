//! The shell of a self-contained page: everything inlined, nothing fetched, light and dark, for phones and for paper.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use simclr_models::{Filter, Picture, Recipe};

/// Sides of pictures in pages, in pixels; larger ones are made smaller.
const THUMBNAIL: u32 = 64;
/// Nothing may be fetched or run: the page is its own proof.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A whole document around `body`, which is HTML already.
pub(crate) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    let style = include_str!("style.css");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// Text as it must be written between tags and inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            // Control characters have no place in a document, not even escaped.
            c if c.is_control() => to.push('\u{fffd}'),
            c => to.push(c),
        }
    }
    to
}

/// A table of HTML cells: heads, then rows whose first cell names them; scrolls by itself where it is too wide.
pub(crate) fn table(caption: &str, heads: &[String], rows: &[Row]) -> String {
    let mut text = String::from("<div class=\"wide\"><table>");
    if !caption.is_empty() {
        let _ = write!(text, "<caption>{caption}</caption>");
    }
    text.push_str("<thead><tr>");
    for (index, head) in heads.iter().enumerate() {
        let class = if index == 0 { " class=\"name\"" } else { "" };
        let _ = write!(text, "<th scope=\"col\"{class}>{head}</th>");
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let _ = write!(text, "<tr{}>", row.class.map(|c| format!(" class=\"{c}\"")).unwrap_or_default());
        if let [only] = row.cells.as_slice() {
            let _ = write!(text, "<th scope=\"rowgroup\" colspan=\"{}\">{only}</th>", heads.len());
        } else {
            for (index, cell) in row.cells.iter().enumerate() {
                let _ = match index {
                    0 => write!(text, "<th scope=\"row\">{cell}</th>"),
                    _ => write!(text, "<td>{cell}</td>"),
                };
            }
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// A table's row of HTML cells; a single cell reaches across.
pub(crate) struct Row {
    /// How it looks, where it is not like the others.
    pub(crate) class: Option<&'static str>,
    /// Its cells.
    pub(crate) cells: Vec<String>,
}

/// The middle of a picture as an inlined image; empty where it cannot be written.
pub(crate) fn thumbnail(picture: &Picture, title: &str) -> String {
    let side = THUMBNAIL.min(picture.width()).min(picture.height());
    let recipe = Recipe { side, resize: side, filter: Filter::Bicubic, mean: [0.0; 3], deviation: [1.0; 3] };
    let planes = recipe.prepare(picture);
    let area = (side * side) as usize;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let byte = |x: f32| (x * 255.0).round() as u8;
    let rgb = (0..3 * area).map(|i| byte(planes[(i % 3) * area + i / 3])).collect();
    let png = Picture::new(side, side, rgb).and_then(|small| small.to_png());
    png.map_or_else(
        |_| String::new(),
        |bytes| {
            let title = escape(title);
            format!(
                "<img alt=\"{title}\" title=\"{title}\" src=\"data:image/png;base64,{}\">",
                STANDARD.encode(bytes)
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes() {
        assert_eq!(escape("a<b> & \"c\" 'd'\u{1b}é"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\u{fffd}é");
        let whole = page("<script>alert(1)</script>", "");
        assert!(!whole.contains("<script>") && whole.contains("&lt;script&gt;"));
        assert!(!include_str!("style.css").contains("url("), "the style fetches something");
    }

    #[test]
    fn a_thumbnail_is_the_picture_made_small() {
        let picture = Picture::new(256, 128, vec![200; 256 * 128 * 3]).unwrap();
        let text = thumbnail(&picture, "a \"b\"");
        assert!(text.starts_with("<img alt=\"a &quot;b&quot;\""), "{text}");
        let data = text.split_once("base64,").unwrap().1.trim_end_matches("\">");
        let back =
            Picture::decode(&STANDARD.decode(data).unwrap(), &simclr_models::Limits::default()).unwrap();
        assert_eq!((back.width(), back.height(), back.rgb()[0]), (64, 64, 200));
    }

    #[test]
    fn a_single_cell_reaches_across() {
        let row = |cells: &[&str]| Row { class: None, cells: cells.iter().map(|&c| c.to_owned()).collect() };
        let text = table("", &["a".into(), "b".into()], &[row(&["only"]), row(&["x", "1"])]);
        assert!(
            text.contains("colspan=\"2\">only") && text.contains("<th scope=\"row\">x</th><td>1</td>"),
            "{text}"
        );
    }
}
