//! Any bytes as a safetensors file: a header whose tensors lie within the file, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weights::{Header, StoredDtype};

fuzz_target!(|bytes: &[u8]| {
    let Ok(header) = Header::read(&mut &bytes[..], bytes.len() as u64) else {
        return;
    };
    let mut end = None;
    for tensor in header.tensors() {
        let data = bytes.get(tensor.begin..tensor.end).expect("every tensor lies within the file");
        assert!(end.is_none_or(|end| end == tensor.begin), "tensors follow one another");
        end = Some(tensor.end);
        if let StoredDtype::Readable(dtype) = tensor.dtype {
            let elements: usize = tensor.shape.iter().product();
            assert_eq!(data.len(), elements * dtype.bytes());
        }
    }
});
