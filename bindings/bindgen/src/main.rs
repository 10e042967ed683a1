//! `bindgen api LIBRARY` prints the exported surface of a built library as text; `bindgen generate …` is UniFFI's own
//! generator of Kotlin and Swift.

use std::error::Error;

use uniffi_meta::{
    DefaultValueMetadata, EnumShape, FieldMetadata, FnParamMetadata, Metadata, MethodMetadata, Type, VariantMetadata,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some("api") {
        uniffi::uniffi_bindgen_main();
        return Ok(());
    }
    let library = args.next().ok_or("usage: bindgen api LIBRARY")?;
    let items = uniffi_bindgen::macro_metadata::extract_from_library(library.as_str().into())?;
    let mut blocks: Vec<Vec<String>> = items.into_iter().map(described).collect();
    blocks.sort();
    blocks.dedup();
    println!("{}", blocks.concat().join("\n"));
    Ok(())
}

/// The lines of an item, each beginning with the name of what it belongs to, so that sorted items read as a whole. Fields and
/// variants keep their order, which callers depend on.
fn described(item: Metadata) -> Vec<String> {
    match item {
        Metadata::Func(f) => vec![format!("fn {}", call(&f.name, f.is_async, &f.inputs, &f.return_type, &f.throws))],
        Metadata::Object(object) => {
            let kind = if object.imp.is_trait_interface() { "foreign trait" } else { "object" };
            vec![format!("{} : {kind}", object.name)]
        }
        Metadata::Constructor(c) => {
            let made = Type::Object {
                module_path: String::new(),
                name: c.self_name.clone(),
                imp: uniffi_meta::ObjectImpl::Struct,
            };
            vec![format!(
                "{} constructor {}",
                c.self_name,
                call(&c.name, c.is_async, &c.inputs, &Some(made), &c.throws)
            )]
        }
        Metadata::Method(m) => vec![method(&m)],
        Metadata::TraitMethod(m) => vec![method(&m.into())],
        Metadata::Record(record) => {
            let mut lines = vec![format!("{} : record", record.name)];
            lines.extend(record.fields.iter().map(|field| format!("{} field {}", record.name, field_text(field))));
            lines
        }
        Metadata::Enum(e) => {
            let kind = if matches!(e.shape, EnumShape::Error { .. }) { "error" } else { "enum" };
            let mut lines = vec![format!("{} : {kind}", e.name)];
            lines.extend(e.variants.iter().map(|variant| format!("{} variant {}", e.name, variant_text(variant))));
            lines
        }
        Metadata::Namespace(_) | Metadata::UdlFile(_) => Vec::new(),
        other => vec![format!("{other:?}")],
    }
}

fn method(m: &MethodMetadata) -> String {
    format!("{} method {}", m.self_name, call(&m.name, m.is_async, &m.inputs, &m.return_type, &m.throws))
}

fn call(
    name: &str,
    is_async: bool,
    inputs: &[FnParamMetadata],
    returns: &Option<Type>,
    throws: &Option<Type>,
) -> String {
    let inputs: Vec<_> =
        inputs.iter().map(|i| format!("{}: {}{}", i.name, type_text(&i.ty), default_text(&i.default))).collect();
    let mut text = format!("{}{name}({})", if is_async { "async " } else { "" }, inputs.join(", "));
    if let Some(returns) = returns {
        text += &format!(" -> {}", type_text(returns));
    }
    if let Some(throws) = throws {
        text += &format!(" throws {}", type_text(throws));
    }
    text
}

fn variant_text(variant: &VariantMetadata) -> String {
    let fields: Vec<_> = variant.fields.iter().map(field_text).collect();
    if fields.is_empty() { variant.name.clone() } else { format!("{} {{ {} }}", variant.name, fields.join(", ")) }
}

fn field_text(field: &FieldMetadata) -> String {
    format!("{}: {}{}", field.name, type_text(&field.ty), default_text(&field.default))
}

fn default_text(default: &Option<DefaultValueMetadata>) -> &'static str {
    if default.is_some() { " = default" } else { "" }
}

fn type_text(ty: &Type) -> String {
    match ty {
        Type::Object { name, .. }
        | Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::CallbackInterface { name, .. }
        | Type::Custom { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("{}?", type_text(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", type_text(inner_type)),
        Type::Map { key_type, value_type } => format!("{{{}: {}}}", type_text(key_type), type_text(value_type)),
        other => format!("{other:?}"),
    }
}
