// The same measurements as bench_fec on the Rust crate raptorq 2.0.1 (tests/bench/peer_fec.sh builds and runs it).
use raptorq::{EncodingPacket, ObjectTransmissionInformation};
use raptorq::{SourceBlockDecoder, SourceBlockEncoder, SourceBlockEncodingPlan};
use std::time::Instant;

const T: usize = 1280;

struct Times {
    copy: Vec<f64>,
    setup: Vec<f64>,
    repair: Vec<f64>,
    decode: Vec<f64>,
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 33
}

fn run(k: usize, percent: usize, data: &[u8], plan: &SourceBlockEncodingPlan, t: &mut Times) {
    let config = ObjectTransmissionInformation::new(data.len() as u64, T as u16, 1, 1, 8);
    let wanted = k * percent / 100;
    let mut start = Instant::now();
    let copy = data.to_vec();
    t.copy.push(start.elapsed().as_secs_f64());
    start = Instant::now();
    let encoder = SourceBlockEncoder::with_encoding_plan(0, &config, data, plan);
    let first = encoder.repair_packets(0, 1); // it may put off its work until it is asked
    t.setup.push(start.elapsed().as_secs_f64());
    assert_eq!(first[0].data().len(), T);
    start = Instant::now();
    let repair = encoder.repair_packets(0, (wanted + 16) as u32);
    t.repair.push(start.elapsed().as_secs_f64() / (wanted + 16) as f64 * k as f64);
    let mut seed = 1;
    let mut lost = 0;
    let mut packets: Vec<EncodingPacket> = Vec::new();
    for (i, packet) in encoder.source_packets().into_iter().enumerate() {
        if (random(&mut seed) as usize) % (k - i) < wanted - lost {
            lost += 1;
        } else {
            packets.push(packet);
        }
    }
    packets.extend(repair.into_iter().take(lost + 2));
    start = Instant::now();
    let mut decoder = SourceBlockDecoder::new(0, &config, data.len() as u64);
    let result = decoder.decode(packets);
    t.decode.push(start.elapsed().as_secs_f64());
    if result != Some(copy) {
        eprintln!("raptorq did not decode");
    }
}

fn gbps(k: usize, v: &mut Vec<f64>) -> f64 {
    v.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (k * T * 8) as f64 / v[v.len() / 2] / 1e9
}

fn main() {
    let only: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(0);
    for k in [100, 1000, 10000, 50000] {
        if only != 0 && k != only {
            continue;
        }
        let mut seed = 2;
        let data: Vec<u8> = (0..k * T).map(|_| random(&mut seed) as u8).collect();
        let plan = SourceBlockEncodingPlan::generate(k as u16);
        for percent in [10, 20] {
            let mut t = Times { copy: vec![], setup: vec![], repair: vec![], decode: vec![] };
            for _ in 0..(if k <= 1000 { 41 } else if k <= 10000 { 9 } else { 5 }) {
                run(k, percent, &data, &plan, &mut t);
            }
            println!(
                "raptorq      K={:<6} setup {:.2}  repair {:.2}  decode-{}% {:.2} Gbit/s  (memcpy {:.0})",
                k, gbps(k, &mut t.setup), gbps(k, &mut t.repair), percent, gbps(k, &mut t.decode), gbps(k, &mut t.copy)
            );
        }
    }
}
