use kernels::{Format, Isa};

#[test]
fn every_available_set_is_found_by_its_name() {
    for isa in Isa::available() {
        assert_eq!(isa.name().parse::<Isa>().expect("an available set parses"), isa);
    }
    assert_eq!(Isa::available().last(), Some(&Isa::detect()));
    assert_eq!(Isa::available().first(), Some(&Isa::SCALAR));
}

#[test]
fn an_unknown_set_is_an_error_that_names_it() {
    let error = "sse9".parse::<Isa>().expect_err("no such set");
    let known = if cfg!(target_arch = "x86_64") {
        "scalar, avx2, avx2vnni, avx512f, avx512vnni, avx512"
    } else if cfg!(target_arch = "aarch64") {
        "scalar, neon"
    } else {
        "scalar"
    };
    assert_eq!(
        error.to_string(),
        format!("unknown instruction set \"sse9\"; one of {known} was expected")
    );
}

#[test]
fn a_set_multiplies_in_one_instruction_what_its_name_promises() {
    for isa in Isa::available() {
        let expected: &[Format] = match isa.name() {
            "avx512" => &[Format::F32, Format::Bf16, Format::Int8],
            "avx512vnni" | "avx2vnni" => &[Format::F32, Format::Int8],
            _ => &[Format::F32],
        };
        for format in [Format::F32, Format::Bf16, Format::Int8] {
            assert_eq!(isa.has_native(format), expected.contains(&format), "{isa} {format:?}");
        }
    }
}

#[test]
fn a_machine_with_a_set_has_the_sets_that_it_extends() {
    let names = Isa::available().into_iter().map(Isa::name).collect::<Vec<_>>();
    for (set, extended) in [
        ("avx512", "avx512vnni"),
        ("avx512vnni", "avx512f"),
        ("avx512f", "avx2"),
        ("avx2vnni", "avx2"),
    ] {
        assert!(!names.contains(&set) || names.contains(&extended), "{set} without {extended}");
    }
    if cfg!(target_arch = "aarch64") {
        assert_eq!(names, ["scalar", "neon"]);
    }
}
