//! Filling `{{NAME}}` in the configuration files.

/// A configuration file that names a value that nobody gave.
#[derive(Debug, thiserror::Error)]
#[error("the template {template} is not filled after: {near}")]
pub struct Unfilled {
    template: &'static str,
    near: String,
}

/// Replaces every `{{NAME}}` of `text` by its value.
pub(crate) fn fill(template: &'static str, text: &str, values: &[(&str, String)]) -> Result<String, Unfilled> {
    let filled =
        values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
    match filled.split_once("{{") {
        None => Ok(filled),
        Some((_, rest)) => Err(Unfilled { template, near: rest.chars().take(20).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn every_name_is_filled_or_the_template_is_refused() {
        let values = [("A", "1".to_owned())];
        assert_eq!(fill("t", "x {{A}} {{A}}", &values).unwrap(), "x 1 1");
        assert!(fill("t", "x {{A}} {{B}}", &values).unwrap_err().to_string().contains("B}}"));
    }
}
