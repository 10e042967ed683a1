//! Colours of mail: read, compared, and turned for a dark page.

use cssparser::color::{parse_hash_color, parse_named_color};

/// Below it, two colours are one to the eye, and a text in them is hidden.
const SAME: f32 = 1.35;
/// WCAG 2.2, 1.4.3: what text needs to be read.
const READABLE: f32 = 4.5;
/// A surface with no less of each colour is paper: nobody misses it where the page is dark.
const PAPER: u8 = 0xe6;

/// An opaque colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

impl Colour {
    pub(super) const BLACK: Self = Self(0, 0, 0);
    pub(super) const WHITE: Self = Self(255, 255, 255);
    /// The page's own in the dark, as the style sheet of the page has it.
    pub(super) const NIGHT: Self = Self(0x12, 0x12, 0x12);

    /// By name or by `#`, with its opacity.
    pub(super) fn named(word: &str) -> Option<(Self, f32)> {
        if let Some(digits) = word.strip_prefix('#') {
            return parse_hash_color(digits.as_bytes()).ok().map(|(r, g, b, alpha)| (Self(r, g, b), alpha));
        }
        parse_named_color(word).ok().map(|(r, g, b)| (Self(r, g, b), 1.0))
    }

    /// As `bgcolor` and `<font color>` have it: the `#` is often forgotten.
    pub(super) fn of_attribute(value: &str) -> Option<Self> {
        let value = value.trim();
        let forgotten = || Some(value).filter(|v| v.len() == 6).and_then(|v| parse_hash_color(v.as_bytes()).ok());
        let found = Self::named(value).map(|(colour, _)| colour);
        found.or_else(|| forgotten().map(|(r, g, b, _)| Self(r, g, b)))
    }

    /// From hue (turns), saturation and lightness.
    pub(super) fn of_hsl(hue: f32, saturation: f32, lightness: f32) -> Self {
        let (hue, saturation, lightness) = (hue.rem_euclid(1.0), saturation.clamp(0.0, 1.0), lightness.clamp(0.0, 1.0));
        let reach = saturation * lightness.min(1.0 - lightness);
        let channel = |n: f32| {
            let k = (n + hue * 12.0).rem_euclid(12.0);
            channel_of(lightness - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0))
        };
        Self(channel(0.0), channel(8.0), channel(4.0))
    }

    /// Laid over `ground` with this opacity.
    pub(super) fn over(self, ground: Self, alpha: f32) -> Self {
        let mix = |top: u8, under: u8| channel_of((f32::from(top) * alpha + f32::from(under) * (1.0 - alpha)) / 255.0);
        Self(mix(self.0, ground.0), mix(self.1, ground.1), mix(self.2, ground.2))
    }

    /// Whether text of this colour cannot be seen on `ground`.
    pub(super) fn is_lost_on(self, ground: Self) -> bool {
        contrast(self, ground) < SAME
    }

    /// Whether it is a white or nearly white surface.
    pub(super) fn is_paper(self) -> bool {
        self.0.min(self.1).min(self.2) >= PAPER
    }

    /// The better of black and white on this ground.
    pub(super) fn opposite(self) -> Self {
        if contrast(Self::BLACK, self) >= contrast(Self::WHITE, self) { Self::BLACK } else { Self::WHITE }
    }

    /// The same hue, light enough to be read on the dark page.
    pub(super) fn by_night(self) -> Self {
        if contrast(self, Self::NIGHT) >= READABLE {
            return self;
        }
        let (hue, saturation, lightness) = self.hsl();
        // As far from the dark as it was from the light; what is dark and vivid would become glaring.
        let mut step = lightness.max(1.0 - lightness);
        let mut lighter = Self::of_hsl(hue, saturation.min(0.85), step);
        while contrast(lighter, Self::NIGHT) < READABLE && step < 1.0 {
            step += 0.05;
            lighter = Self::of_hsl(hue, saturation.min(0.85), step);
        }
        lighter
    }

    pub(super) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn hsl(self) -> (f32, f32, f32) {
        let [r, g, b] = [self.0, self.1, self.2].map(|channel| f32::from(channel) / 255.0);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let (range, lightness) = (most - least, f32::midpoint(most, least));
        if range <= f32::EPSILON {
            return (0.0, 0.0, lightness);
        }
        let sixth = match most {
            most if most <= r => (g - b) / range,
            most if most <= g => (b - r) / range + 2.0,
            _ => (r - g) / range + 4.0,
        };
        (sixth / 6.0, range / (1.0 - (2.0 * lightness - 1.0).abs()), lightness)
    }
}

fn channel_of(part: f32) -> u8 {
    // A cast from a float saturates.
    (part * 255.0).round() as u8
}

/// WCAG 2.2, relative luminance.
fn luminance(Colour(r, g, b): Colour) -> f32 {
    let [r, g, b] = [r, g, b].map(|channel| {
        let part = f32::from(channel) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: Colour, other: Colour) -> f32 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_can_be_read_by_night_and_on_the_better_of_black_and_white() {
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(15) {
                    let colour = Colour(r, g, b);
                    assert!(contrast(colour.by_night(), Colour::NIGHT) >= READABLE, "{colour:?}");
                    assert!(contrast(colour.opposite(), colour) >= READABLE, "{colour:?}");
                }
            }
        }
    }

    #[test]
    fn a_colour_is_read_as_senders_write_it() {
        assert_eq!(Colour::of_attribute("#FF8000"), Some(Colour(255, 128, 0)));
        assert_eq!(Colour::of_attribute(" ff8000 "), Some(Colour(255, 128, 0)));
        assert_eq!(Colour::of_attribute("Navy"), Some(Colour(0, 0, 128)));
        assert_eq!(Colour::of_attribute("url(x)"), None);
        assert_eq!(Colour::of_hsl(120.0 / 360.0, 1.0, 0.25), Colour(0, 128, 0));
        assert_eq!(Colour(20, 40, 200).over(Colour::WHITE, 0.0), Colour::WHITE);
    }
}
