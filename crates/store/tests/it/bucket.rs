//! Files' bytes in a bucket. It needs a server that speaks S3: `POLYSIGHT_TEST_S3=http://HOST:PORT/BUCKET` (`.ci/s3` starts one);
//! without it it says so and passes.

use futures_util::StreamExt as _;
use store::{Blobs, Bucket, Credentials};

fn bucket() -> Option<Blobs> {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(url) = std::env::var("POLYSIGHT_TEST_S3") else {
        eprintln!("skipped: POLYSIGHT_TEST_S3 names no bucket");
        return None;
    };
    let (endpoint, name) = url.rsplit_once('/').unwrap();
    let credentials =
        Credentials { key_id: "test".to_owned(), secret: "test".to_owned(), session: None };
    let bucket = Bucket {
        name: name.to_owned(),
        prefix: "some/prefix".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(credentials),
    };
    Some(Blobs::bucket(&bucket).unwrap())
}

#[tokio::test]
async fn an_object_is_whole_or_not_there_and_is_read_in_parts_and_removed() {
    let Some(blobs) = bucket() else { return };
    let bytes = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect::<Vec<_>>();
    let mut writer = blobs.begin("ab/whole").await.unwrap();
    for part in bytes.chunks(700_001) {
        writer.write(part.to_vec().into()).await.unwrap();
    }
    assert!(blobs.read("ab/whole", None).await.is_err(), "it is not finished");
    let written = writer.finish().await.unwrap();
    assert_eq!(written.bytes, 20_000_000);
    let mut stream = blobs.read("ab/whole", None).await.unwrap();
    let mut all = Vec::new();
    while let Some(part) = stream.next().await {
        all.extend_from_slice(&part.unwrap());
    }
    assert!(all == bytes);
    let part = blobs.read_whole("ab/whole", Some(8_388_600..8_388_700)).await.unwrap();
    assert!(part == bytes[8_388_600..8_388_700]);
    let mut given_up = blobs.begin("ab/given up").await.unwrap();
    given_up.write(bytes.into()).await.unwrap();
    given_up.abort().await.unwrap();
    assert!(blobs.read("ab/given up", None).await.is_err());
    for name in ["ab/whole", "ab/whole", "ab/never"] {
        blobs.remove(name).await.unwrap();
    }
    assert!(blobs.read("ab/whole", None).await.is_err());
}
