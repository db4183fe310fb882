#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/s3/request.h"

namespace millrace::s3 {

namespace {

constexpr int kSeconds = 1;  // for the whole handshake: nobody can stop it

struct Probe {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO* bio = context ? BIO_new_ssl_connect(context) : nullptr;
  SSL* ssl = nullptr;
  ~Probe() {
    BIO_free_all(bio);
    SSL_CTX_free(context);
  }
};

std::string InWords(SSL* ssl, const std::string& name, long error) {
  if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return "its certificate is for another name than '" + name + "'";
  }
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) return "its certificate has expired";
  if (error == X509_V_ERR_CERT_NOT_YET_VALID) {
    return "its certificate is not valid yet, or this machine's clock is behind";
  }
  bool unknown = error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                 error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                 error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                 error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
                 error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
  if (!unknown) return std::string("its certificate: ") + X509_verify_cert_error_string(error);
  std::string text = "its certificate is signed by an unknown authority";
  if (X509* certificate = SSL_get1_peer_certificate(ssl)) {
    char issuer[256] = "";
    X509_NAME_oneline(X509_get_issuer_name(certificate), issuer, sizeof issuer);
    text += std::string(", ") + issuer;
    X509_free(certificate);
  }
  return text;
}

}  // namespace

std::string CertificateFault(const std::string& host, const std::string& ca_file) {
  size_t colon = host.rfind(':');
  bool port = colon != host.npos && host.find(']', colon) == host.npos;
  std::string name = port ? host.substr(0, colon) : host;
  Probe probe;
  if (!probe.bio) return "";
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(probe.context);
  } else {
    SSL_CTX_load_verify_file(probe.context, ca_file.c_str());
  }
  SSL_CTX_set_verify(probe.context, SSL_VERIFY_NONE, nullptr);  // its result is asked for below
  BIO_set_conn_hostname(probe.bio, (port ? host : host + ":443").c_str());
  BIO_get_ssl(probe.bio, &probe.ssl);
  SSL_set_tlsext_host_name(probe.ssl, name.c_str());
  X509_VERIFY_PARAM* wanted = SSL_get0_param(probe.ssl);
  if (!X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str())) {
    X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), 0);
  }
  if (BIO_do_connect_retry(probe.bio, kSeconds, 20) != 1) return "";
  long error = SSL_get_verify_result(probe.ssl);
  return error == X509_V_OK ? "" : InWords(probe.ssl, name, error);
}

}  // namespace millrace::s3
