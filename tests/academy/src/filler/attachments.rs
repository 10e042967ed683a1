//! Small files that open: a PDF, an OpenDocument text and a PNG, made without their libraries.

use super::chance::Chance;

/// A file inside a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) content: Vec<u8>,
}

const NAMES: &[&str] = &[
    "bulletin_3eB",
    "Relevé de notes",
    "convocation",
    "Compte rendu – conseil d’école",
    "emploi du temps",
    "PAP-élève",
];

/// A PDF, an ODT or a PNG of about `size` bytes.
pub(super) fn file(chance: &mut Chance, size: usize) -> Attachment {
    let name = chance.pick(NAMES);
    let (extension, kind, content) = match chance.below(10) {
        0..5 => ("pdf", "application/pdf", pdf(chance, size)),
        5..8 => ("odt", "application/vnd.oasis.opendocument.text", odt(chance, size)),
        _ => ("png", "image/png", png(chance, size)),
    };
    Attachment { name: format!("{name}.{extension}"), kind, content }
}

/// A grey picture with noise, about `size` bytes.
pub(super) fn png(chance: &mut Chance, size: usize) -> Vec<u8> {
    let width = 64_u32;
    let height = (size as u32 / (width + 1)).clamp(8, 900);
    let mut rows = Vec::new();
    for _ in 0..height {
        // Filter type 0 before each row.
        rows.push(0);
        rows.extend(chance.bytes(width as usize));
    }
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", stored_zlib(&rows)), (b"IEND", Vec::new())] {
        png.extend((data.len() as u32).to_be_bytes());
        let chunk = [name.as_slice(), &data].concat();
        png.extend(&chunk);
        png.extend(crc32(&chunk).to_be_bytes());
    }
    png
}

fn pdf(chance: &mut Chance, size: usize) -> Vec<u8> {
    let text = b"BT /F1 18 Tf 72 720 Td (Conseil de classe) Tj ET";
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        stream(text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        // What a scanned page would weigh, in an object no page shows.
        stream(&chance.bytes(size.saturating_sub(900))),
    ];
    let mut pdf = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (at, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", pdf.len()));
        pdf.extend(format!("{} 0 obj\n", at + 1).bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    let start = pdf.len();
    table.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    pdf.extend(table.bytes());
    pdf
}

fn stream(data: &[u8]) -> Vec<u8> {
    [format!("<< /Length {} >>\nstream\n", data.len()).as_bytes(), data, b"\nendstream"].concat()
}

/// A ZIP of stored entries, `mimetype` first as ODF 1.3 part 2, 3.3 wants it.
fn odt(chance: &mut Chance, size: usize) -> Vec<u8> {
    let content = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><office:document-content \
        xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
        office:version=\"1.3\"><office:body><office:text><text:p>Appréciations du trimestre</text:p></office:text></office:body>\
        </office:document-content>";
    let manifest = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><manifest:manifest \
        xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" manifest:version=\"1.3\"><manifest:file-entry \
        manifest:full-path=\"/\" manifest:media-type=\"application/vnd.oasis.opendocument.text\"/><manifest:file-entry \
        manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/></manifest:manifest>";
    let picture = png(chance, size.saturating_sub(1_800));
    zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content.as_bytes()),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("Thumbnails/thumbnail.png", &picture),
    ])
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let offset = archive.len() as u32;
        // Version 2.0, no flags, stored, 2026-01-01 00:00.
        let mut common = [20_u16, 0, 0, 0, 0x5c21].map(u16::to_le_bytes).concat();
        let length = data.len() as u32;
        common.extend([crc32(data), length, length].map(u32::to_le_bytes).concat());
        common.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        archive.extend([b"PK\x03\x04".as_slice(), common.as_slice(), name.as_bytes(), data].concat());
        directory.extend(
            [b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (count, start) = (entries.len() as u16, archive.len() as u32);
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].map(u16::to_le_bytes).concat());
    archive.extend([directory.len() as u32, start].map(u32::to_le_bytes).concat());
    archive.extend([0, 0]);
    archive
}

/// RFC 1950 around stored blocks of RFC 1951.
fn stored_zlib(data: &[u8]) -> Vec<u8> {
    let mut stored = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff).count();
    for (at, block) in data.chunks(0xffff).enumerate() {
        let length = block.len() as u16;
        stored.push(u8::from(at + 1 == blocks));
        stored.extend([length, !length].map(u16::to_le_bytes).concat());
        stored.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stored.extend((b << 16 | a).to_be_bytes());
    stored
}

fn crc32(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let mut value = at as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };
    !data.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}
