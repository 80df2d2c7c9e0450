//! libssl, loaded when TLS is first asked for.
//!
//! Loading it takes a third of a client's start and as much memory as all the rest, and most connections need none of
//! it. So each of its functions that we call is a jump through a table here, which is filled in at the first call; the
//! linker, which has found them all, leaves libssl out. A function that isn't in the list is no mistake: libssl is then
//! loaded at the start, as ever (`tests/clients_start.rs` says so).
//!
//! Where this isn't written for (see `build.rs`) libssl is linked as usual, and there is nothing to load.

use super::TlsError;

/// Loads it, so that whoever can't have TLS is told why. A call of OpenSSL that comes before loads it all the same.
///
/// # Errors
/// There is no libssl on this machine, or not the right one.
pub(super) fn load() -> Result<(), TlsError> {
    #[cfg(libssl_on_demand)]
    on_demand::load().map_err(|why| TlsError::new(format!("TLS needs libssl.so.3 of OpenSSL: {why}")))?;
    Ok(())
}

/// Functions that jump to where libssl has those of the same name. The first call goes round by `load_or_abort`, with
/// all that may hold arguments kept: the six registers, the eight vectors, and how many of these there are (rax).
/// `r11` belongs to nobody between a call and its function, and says which entry of the table it is. Nine words and 128
/// bytes keep the stack at a multiple of 16, as a call wants it.
#[cfg(libssl_on_demand)]
macro_rules! functions {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(concat!(stringify!($name), "\0")),*];

        core::arch::global_asm!(
            ".pushsection .bss.mqtt_libssl,\"aw\",@nobits",
            ".balign 8",
            ".globl mqtt_libssl_table",
            ".hidden mqtt_libssl_table",
            "mqtt_libssl_table:",
            ".popsection",
            ".pushsection .text.mqtt_libssl,\"ax\",@progbits",
            ".Lmqtt_libssl_first:",
            "push rbp",
            "mov rbp, rsp",
            "push rax",
            "push rdi",
            "push rsi",
            "push rdx",
            "push rcx",
            "push r8",
            "push r9",
            "push r11",
            "sub rsp, 128",
            "movups [rsp], xmm0",
            "movups [rsp + 16], xmm1",
            "movups [rsp + 32], xmm2",
            "movups [rsp + 48], xmm3",
            "movups [rsp + 64], xmm4",
            "movups [rsp + 80], xmm5",
            "movups [rsp + 96], xmm6",
            "movups [rsp + 112], xmm7",
            "call {load_or_abort}",
            "movups xmm0, [rsp]",
            "movups xmm1, [rsp + 16]",
            "movups xmm2, [rsp + 32]",
            "movups xmm3, [rsp + 48]",
            "movups xmm4, [rsp + 64]",
            "movups xmm5, [rsp + 80]",
            "movups xmm6, [rsp + 96]",
            "movups xmm7, [rsp + 112]",
            "add rsp, 128",
            "pop r11",
            "pop r9",
            "pop r8",
            "pop rcx",
            "pop rdx",
            "pop rsi",
            "pop rdi",
            "pop rax",
            "pop rbp",
            "jmp qword ptr [r11]",
            ".popsection",
            $(concat!(
                ".pushsection .bss.mqtt_libssl,\"aw\",@nobits\n",
                ".Lmqtt_libssl_", stringify!($name), ": .skip 8\n",
                ".popsection\n",
                ".pushsection .text.mqtt_libssl,\"ax\",@progbits\n",
                ".balign 16\n",
                ".globl ", stringify!($name), "\n",
                ".hidden ", stringify!($name), "\n",
                ".type ", stringify!($name), ",@function\n",
                stringify!($name), ":\n",
                "endbr64\n",
                "lea r11, [rip + .Lmqtt_libssl_", stringify!($name), "]\n",
                "cmp qword ptr [r11], 0\n",
                "je .Lmqtt_libssl_first\n",
                "jmp qword ptr [r11]\n",
                ".popsection\n",
            ),)*
            load_or_abort = sym load_or_abort,
        );
    };
}

#[cfg(libssl_on_demand)]
#[allow(unsafe_code)]
mod on_demand {
    use std::ffi::{CStr, c_void};
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicPtr, Ordering};

    unsafe extern "C" {
        /// An address for each of [`NAMES`], in their order.
        static mqtt_libssl_table: [AtomicPtr<c_void>; NAMES.len()];
    }

    pub(super) fn load() -> Result<(), &'static str> {
        static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
        LOADED.get_or_init(fill).as_ref().copied().map_err(String::as_str)
    }

    /// For a call of OpenSSL without [`load`] before it.
    extern "C" fn load_or_abort() {
        if let Err(why) = load() {
            eprintln!("Error: TLS needs libssl.so.3 of OpenSSL: {why}.");
            std::process::abort();
        }
    }

    fn fill() -> Result<(), String> {
        // SAFETY: the name is a C string. Once found the library stays for good.
        let library = unsafe { libc::dlopen(c"libssl.so.3".as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
        if library.is_null() {
            return Err(complaint());
        }
        for (index, name) in NAMES.iter().enumerate() {
            // SAFETY: the library is open, and each name ends with a zero byte. libcrypto's functions are found, too:
            // libssl needs it.
            let function = unsafe { libc::dlsym(library, name.as_ptr().cast()) };
            if function.is_null() {
                return Err(complaint());
            }
            // SAFETY: `index` is within the table, which holds for as long as the program. Somebody on another thread
            // may be reading, and finds what was there before or this.
            unsafe { &mqtt_libssl_table[index] }.store(function, Ordering::Release);
        }
        Ok(())
    }

    /// What the loader says.
    fn complaint() -> String {
        // SAFETY: no arguments; the text is this thread's until its next call of the loader.
        let text = unsafe { libc::dlerror() };
        if ptr::eq(text, ptr::null()) {
            return "it can't be loaded".to_owned();
        }
        // SAFETY: not null, and so a C string.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    functions! {
        ASN1_GENERALIZEDTIME_free ASN1_GENERALIZEDTIME_new ASN1_GENERALIZEDTIME_print
        ASN1_GENERALIZEDTIME_set_string ASN1_STRING_get0_data ASN1_STRING_length ASN1_STRING_to_UTF8
        ASN1_STRING_type ASN1_TIME_diff ASN1_TIME_free ASN1_TIME_print BIO_clear_flags BIO_ctrl BIO_free_all BIO_get_data BIO_meth_free
        BIO_meth_new BIO_meth_set_create BIO_meth_set_ctrl BIO_meth_set_destroy BIO_meth_set_puts BIO_meth_set_read
        BIO_meth_set_write BIO_new BIO_s_mem BIO_set_data BIO_set_flags BIO_set_init BIO_up_ref CRYPTO_free
        CRYPTO_get_ex_new_index CRYPTO_malloc ERR_clear_error ERR_get_error_all ERR_lib_error_string ERR_new
        ERR_reason_error_string ERR_set_debug ERR_set_error ERR_set_error_data EVP_sha1 EVP_sha256 EVP_sha384
        EVP_sha512 GENERAL_NAME_free OBJ_nid2sn OBJ_obj2nid OBJ_obj2txt OCSP_BASICRESP_free OCSP_CERTID_free
        OCSP_RESPONSE_free OCSP_basic_verify OCSP_cert_to_id OCSP_check_validity OCSP_resp_find_status
        OCSP_response_get1_basic OCSP_response_status OPENSSL_init_ssl OPENSSL_sk_free OPENSSL_sk_num
        OPENSSL_sk_pop OPENSSL_sk_value SSL_CIPHER_get_name SSL_CTX_callback_ctrl SSL_CTX_check_private_key
        SSL_CTX_ctrl SSL_CTX_free SSL_CTX_get0_certificate SSL_CTX_get0_param SSL_CTX_get_cert_store SSL_CTX_get_ex_data
        SSL_CTX_load_verify_locations SSL_CTX_new SSL_CTX_sess_set_new_cb SSL_CTX_set_alpn_protos
        SSL_CTX_set_cipher_list SSL_CTX_set_ciphersuites SSL_CTX_set_client_CA_list
        SSL_CTX_set_default_verify_paths SSL_CTX_set_ex_data SSL_CTX_set_keylog_callback SSL_CTX_set_num_tickets
        SSL_CTX_set_options SSL_CTX_set_psk_client_callback SSL_CTX_set_psk_server_callback
        SSL_CTX_set_session_id_context SSL_CTX_set_verify SSL_CTX_up_ref SSL_CTX_use_PrivateKey_file
        SSL_CTX_use_certificate_chain_file SSL_CTX_use_psk_identity_hint SSL_SESSION_free SSL_ctrl SSL_do_handshake
        SSL_free SSL_get0_param SSL_get0_verified_chain SSL_get1_peer_certificate SSL_get_SSL_CTX
        SSL_get_current_cipher SSL_get_error SSL_get_ex_data SSL_get_ex_data_X509_STORE_CTX_idx SSL_get_rbio
        SSL_get_version SSL_is_init_finished SSL_is_server SSL_load_client_CA_file SSL_new SSL_read_ex
        SSL_session_reused SSL_set_accept_state SSL_set_bio SSL_set_connect_state SSL_set_ex_data SSL_set_session
        SSL_set_verify SSL_shutdown SSL_write_ex TLS_client_method TLS_server_method X509_LOOKUP_file
        X509_NAME_ENTRY_get_data X509_NAME_ENTRY_get_object X509_NAME_entry_count X509_NAME_free
        X509_NAME_get_entry X509_NAME_get_index_by_NID X509_STORE_CTX_get_current_cert X509_STORE_CTX_get_error
        X509_STORE_CTX_get_ex_data X509_STORE_add_lookup X509_STORE_set_flags X509_VERIFY_PARAM_set1_host
        X509_VERIFY_PARAM_set1_ip X509_VERIFY_PARAM_set_flags X509_free X509_get_ext_d2i X509_get_issuer_name
        X509_get_subject_name X509_getm_notAfter X509_getm_notBefore X509_gmtime_adj X509_load_crl_file
        X509_verify_cert_error_string d2i_OCSP_RESPONSE
    }
}
