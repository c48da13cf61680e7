//! The body of a request, within its limit.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::refusal::Refusal;

/// Takes a body of at most `limit` bytes; zero is without limit. One that came in one piece is not copied.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let _ = tokio::time::timeout(PATIENCE, discard(body)).await;
            Err(Refusal::TooLarge)
        }
        // It ended before its end.
        Err(_) => Err(Refusal::Context),
    }
}

/// Reads on for a while: who is still sending would lose the answer with the connection.
async fn discard(mut body: Body) {
    let mut most = MOST_DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let taken = frame.data_ref().map_or(0, Bytes::len);
        match most.checked_sub(taken) {
            Some(left) => most = left,
            None => return,
        }
    }
}

const MOST_DISCARDED: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(1);
