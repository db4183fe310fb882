//! One connection to a cluster.
use crate::decode;
use crate::failure::{failure, invalid, Failure, Kind, Outcome};
use crate::stop::{unless_stopped, Stop};
use arrow_array::RecordBatch;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509VerifyResult, X509};
use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileBuilder};
use scylla::client::session::{OpenSsl010Config, Session as Client};
use scylla::client::session_builder::SessionBuilder;
use scylla::client::{Compression, PoolSize};
use scylla::frame::types::Consistency;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub struct Options {
    pub hosts: Vec<String>,
    pub local_dc: String,
    pub user: String,
    pub password: String,
    pub tls: bool,
    pub ca_file: String,
    pub cert_file: String,
    pub key_file: String,
    pub verify: i32,
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub compression: i32,
    pub connections: usize,
    pub threads: usize,
}

pub struct Session {
    pub client: Arc<Client>,
    runtime: Option<Runtime>,
}

/// Pauses between attempts, each about twice the one before.
#[derive(Clone, Copy)]
pub struct Retry {
    pub most: i32,
    pub first: Duration,
    pub longest: Duration,
}

impl Retry {
    /// Runs `attempt` until it succeeds, cannot be helped, or was repeated often enough.
    pub async fn run<T, F: Future<Output = Outcome<T>>>(
        &self,
        unsure_too: bool,
        mut told: impl FnMut(),
        mut attempt: impl FnMut() -> F,
    ) -> Outcome<T> {
        let mut pause = self.first;
        for repeated in 0.. {
            let failure = match attempt().await {
                Err(failure) if failure.may_pass() && (unsure_too || !failure.unsure) => failure,
                outcome => return outcome,
            };
            if repeated >= self.most {
                return Err(failure);
            }
            told();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.longest);
        }
        unreachable!()
    }
}

pub fn consistency_of(number: i32) -> Outcome<Consistency> {
    if number < 0 {
        return Ok(Consistency::LocalQuorum);
    }
    u16::try_from(number)
        .ok()
        .and_then(|number| Consistency::try_from(number).ok())
        .ok_or_else(|| invalid(format!("{number} is no consistency level")))
}

fn bad_tls(what: &str) -> impl Fn(openssl::error::ErrorStack) -> Failure + '_ {
    move |error| {
        let why = error.errors().first().and_then(|e| e.reason()).unwrap_or("unknown");
        invalid(format!("{what}: {why}"))
    }
}

fn tls_of(options: &Options) -> Outcome<OpenSsl010Config> {
    const IP_ADDRESS_MISMATCH: i32 = 64; // X509_V_ERR_IP_ADDRESS_MISMATCH
    let mut builder = SslConnector::builder(SslMethod::tls()).map_err(bad_tls("TLS"))?;
    if !options.ca_file.is_empty() {
        let what = format!("cannot use the certificates in {}", options.ca_file);
        let pem = std::fs::read(&options.ca_file).map_err(|e| invalid(format!("{what}: {e}")))?;
        let mut store = X509StoreBuilder::new().map_err(bad_tls(&what))?;
        for certificate in X509::stack_from_pem(&pem).map_err(bad_tls(&what))? {
            store.add_cert(certificate).map_err(bad_tls(&what))?;
        }
        builder.set_cert_store(store.build());
    }
    if !options.cert_file.is_empty() {
        let what = format!("cannot use the certificate in {}", options.cert_file);
        builder.set_certificate_chain_file(&options.cert_file).map_err(bad_tls(&what))?;
        let what = format!("cannot use the key in {}", options.key_file);
        builder.set_private_key_file(&options.key_file, SslFiletype::PEM).map_err(bad_tls(&what))?;
    }
    match options.verify {
        0 => {}
        1 => builder.set_verify_callback(SslVerifyMode::PEER, |good, context| {
            good || context.error() == unsafe { X509VerifyResult::from_raw(IP_ADDRESS_MISMATCH) }
        }),
        _ => builder.set_verify(SslVerifyMode::NONE),
    }
    Ok(OpenSsl010Config::new(builder))
}

fn builder_of(options: &Options) -> Outcome<SessionBuilder> {
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if !options.local_dc.is_empty() {
        policy = policy.prefer_datacenter(options.local_dc.clone());
    }
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(options.request_timeout))
        .load_balancing_policy(policy.build())
        .build();
    let connections = NonZeroUsize::new(options.connections.max(1)).unwrap_or(NonZeroUsize::MIN);
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.hosts)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(options.connect_timeout)
        .hostname_resolution_timeout(Some(options.connect_timeout))
        .pool_size(PoolSize::PerHost(connections))
        .keepalive_interval(options.request_timeout)
        .keepalive_timeout(options.request_timeout)
        .schema_agreement_timeout(options.request_timeout)
        .fetch_full_schema_metadata(false)
        .compression(match options.compression {
            1 => Some(Compression::Lz4),
            2 => Some(Compression::Snappy),
            _ => None,
        });
    if !options.user.is_empty() {
        builder = builder.user(&options.user, &options.password);
    }
    if options.tls {
        builder = builder.tls_context(Some(tls_of(options)?));
    }
    Ok(builder)
}

impl Session {
    pub fn connect(options: &Options, stop: Option<&Stop>) -> Outcome<Session> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("cassandra")
            .enable_all()
            .build()
            .map_err(|error| failure(Kind::Unavailable, format!("no thread: {error}")))?;
        let builder = builder_of(options)?;
        let client = runtime
            .block_on(unless_stopped(stop, async { builder.build().await.map_err(Failure::from) }));
        match client {
            Ok(client) => Ok(Session { client: Arc::new(client), runtime: Some(runtime) }),
            Err(failure) => {
                runtime.shutdown_background();
                Err(failure)
            }
        }
    }

    pub fn wait<T>(
        &self,
        stop: Option<&Stop>,
        work: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        self.runtime().block_on(unless_stopped(stop, work))
    }

    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it lives as long as the session")
    }

    pub fn query(&self, cql: &str, consistency: i32, stop: Option<&Stop>) -> Outcome<Option<RecordBatch>> {
        let mut statement = Statement::new(cql);
        statement.set_consistency(consistency_of(consistency)?);
        self.wait(stop, async {
            let answer = self.client.query_unpaged(statement, ()).await.map_err(Failure::from)?;
            let Ok(rows) = answer.into_rows_result() else { return Ok(None) };
            let schema = decode::schema_of(rows.column_specs().iter());
            decode::batch_of(&rows, &schema, None).map(Some)
        })
    }

    pub async fn prepare(&self, cql: &str, consistency: i32) -> Outcome<PreparedStatement> {
        let mut statement = self.client.prepare(cql).await.map_err(Failure::from)?;
        statement.set_consistency(consistency_of(consistency)?);
        Ok(statement)
    }

    pub fn profile(&self) -> ExecutionProfileBuilder {
        self.client.get_default_execution_profile_handle().pointee_to_builder()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
