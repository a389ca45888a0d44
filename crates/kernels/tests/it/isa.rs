use kernels::Isa;

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
    assert_eq!(
        error.to_string(),
        "unknown instruction set \"sse9\"; one of scalar, avx2, avx512 was expected"
    );
}
