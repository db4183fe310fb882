//! cassandra_floor HOST:PORT KEYSPACE.TABLE FILE IN_FLIGHT: the lines of a file (a head, then id, five texts and
//! a number, with tabs between them) as rows, by prepared INSERTs. Prints rows, seconds and seconds of CPU of the writing alone.
use futures::stream::{self, StreamExt};
use scylla::client::session_builder::SessionBuilder;
use std::time::Instant;
use uuid::Uuid;

type Row = (Uuid, String, String, String, String, String, i64);

fn cpu_seconds() -> f64 {
    // utime and stime of this process, in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn read(path: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let text = |at: usize| cells[at].to_string();
        (Uuid::parse_str(cells[0]).unwrap(), text(1), text(2), text(3), text(4), text(5), cells[6].parse().unwrap())
    });
    rows.collect()
}

async fn write(host: &str, table: &str, rows: &[Row], in_flight: usize) {
    let session = SessionBuilder::new().known_node(host).build().await.unwrap();
    let cql = format!(
        "INSERT INTO {table} (id, first_name, last_name, address, email, picture, n) VALUES (?, ?, ?, ?, ?, ?, ?) \
         USING TIMESTAMP ?"
    );
    let mut statement = session.prepare(cql).await.unwrap();
    statement.set_is_idempotent(true);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    stream::iter(rows.iter().enumerate())
        .for_each_concurrent(in_flight, |(at, row)| {
            let (session, statement) = (&session, &statement);
            async move {
                let values = (row.0, &row.1, &row.2, &row.3, &row.4, &row.5, row.6, 1 + at as i64);
                session.execute_unpaged(statement, values).await.unwrap();
            }
        })
        .await;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{} {seconds:.3} {cpu:.3}", rows.len());
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let rows = read(&words[3]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // On a worker, as the connections are: nothing is handed from thread to thread.
    let (host, table, in_flight) = (words[1].clone(), words[2].clone(), words[4].parse().unwrap());
    let writing = runtime.spawn(async move { write(&host, &table, &rows, in_flight).await });
    runtime.block_on(writing).unwrap();
}
