/* The laboratory's server on libssh: see README.md for what it answers. A process for each connection. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <openssl/evp.h>

#define MOST_CHANNELS 32
#define PIECE 32768

struct work {
    ssh_channel channel;
    char verb[16];
    long number;
    int begun, done, rows, columns, size_changed;
    size_t at;
    EVP_MD_CTX *digest;
    struct ssh_channel_callbacks_struct callbacks;
};

static struct work works[MOST_CHANNELS];
static int work_count, authenticated;
static unsigned char *pattern;
static size_t pattern_length;

static const char *need(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) { fprintf(stderr, "%s is not set\n", name); exit(2); }
    return value;
}

static void read_pattern(void) {
    FILE *file = fopen(need("LAB_PATTERN"), "rb");
    if (file == NULL) { perror("LAB_PATTERN"); exit(2); }
    fseek(file, 0, SEEK_END);
    pattern_length = (size_t)ftell(file);
    rewind(file);
    pattern = malloc(pattern_length);
    if (pattern == NULL || fread(pattern, 1, pattern_length, file) != pattern_length) exit(2);
    fclose(file);
}

/* Authentication */

static int password(ssh_session session, const char *user, const char *given, void *data) {
    (void)session; (void)data;
    if (strcmp(user, need("LAB_USER")) != 0 || strcmp(given, need("LAB_PASSWORD")) != 0) return SSH_AUTH_DENIED;
    authenticated = 1;
    return SSH_AUTH_SUCCESS;
}

static int is_authorized(ssh_key key) {
    char line[8192], kind[64], base64[8000];
    int found = 0;
    FILE *file = fopen(need("LAB_AUTHORIZED_KEYS"), "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        ssh_key allowed = NULL;
        if (sscanf(line, "%63s %7999s", kind, base64) != 2) continue;
        if (ssh_pki_import_pubkey_base64(base64, ssh_key_type_from_name(kind), &allowed) != SSH_OK) continue;
        found = ssh_key_cmp(key, allowed, SSH_KEY_CMP_PUBLIC) == 0;
        ssh_key_free(allowed);
    }
    if (file != NULL) fclose(file);
    return found;
}

static int public_key(ssh_session session, const char *user, ssh_key key, char state, void *data) {
    (void)session; (void)data;
    if (strcmp(user, need("LAB_USER")) != 0 || !is_authorized(key)) return SSH_AUTH_DENIED;
    if (state == SSH_PUBLICKEY_STATE_VALID) authenticated = 1;
    return SSH_AUTH_SUCCESS;
}

/* Keyboard-interactive has no callback of its own; it comes as a message. */
static int message(ssh_session session, ssh_message asked, void *data) {
    (void)data;
    if (ssh_message_type(asked) != SSH_REQUEST_AUTH || ssh_message_subtype(asked) != SSH_AUTH_METHOD_INTERACTIVE) return 1;
    if (!ssh_message_auth_kbdint_is_response(asked)) {
        const char *prompts[] = {"Password: "};
        char echo[] = {0};
        ssh_message_auth_interactive_request(asked, "challenge", "say it", 1, prompts, echo);
        return 0;
    }
    if (ssh_userauth_kbdint_getnanswers(session) == 1 &&
        strcmp(ssh_userauth_kbdint_getanswer(session, 0), need("LAB_PASSWORD")) == 0) {
        authenticated = 1;
        ssh_message_auth_reply_success(asked, 0);
        return 0;
    }
    return 1;
}

/* Channels */

static int begin(struct work *work, const char *command) {
    if (work->begun) return 1;
    work->begun = 1;
    sscanf(command, "%15s %ld", work->verb, &work->number);
    if (strcmp(work->verb, "hash") == 0) {
        work->digest = EVP_MD_CTX_new();
        EVP_DigestInit_ex(work->digest, EVP_sha256(), NULL);
    }
    return 0;
}

static int exec_request(ssh_session session, ssh_channel channel, const char *command, void *data) {
    (void)session; (void)channel;
    return begin(data, command);
}

static int subsystem_request(ssh_session session, ssh_channel channel, const char *name, void *data) {
    (void)session; (void)channel;
    return strcmp(name, "echo") == 0 ? begin(data, name) : 1;
}

static int pty_request(ssh_session session, ssh_channel channel, const char *term, int columns, int rows, int width,
                       int height, void *data) {
    struct work *work = data;
    (void)session; (void)channel; (void)term; (void)width; (void)height;
    work->columns = columns;
    work->rows = rows;
    work->size_changed = 1;
    return 0;
}

static int window_change(ssh_session session, ssh_channel channel, int columns, int rows, int width, int height, void *data) {
    return pty_request(session, channel, "", columns, rows, width, height, data);
}

static ssh_channel new_session(ssh_session session, void *data) {
    struct work *work = NULL;
    (void)data;
    for (int i = 0; i < work_count; i++) if (works[i].channel == NULL) work = &works[i];
    if (work == NULL && work_count < MOST_CHANNELS) work = &works[work_count++];
    if (work == NULL) return NULL;
    memset(work, 0, sizeof *work);
    work->channel = ssh_channel_new(session);
    work->callbacks.userdata = work;
    work->callbacks.channel_exec_request_function = exec_request;
    work->callbacks.channel_subsystem_request_function = subsystem_request;
    work->callbacks.channel_pty_request_function = pty_request;
    work->callbacks.channel_pty_window_change_function = window_change;
    ssh_callbacks_init(&work->callbacks);
    ssh_set_channel_callbacks(work->channel, &work->callbacks);
    return work->channel;
}

static void finish(struct work *work, int status) {
    ssh_channel_request_send_exit_status(work->channel, status);
    ssh_channel_send_eof(work->channel);
    ssh_channel_close(work->channel);
    work->done = 1;
}

/* Input that fits `most`; 0 where there is none at present, -1 at its end. */
static int input(struct work *work, char *buffer, size_t most) {
    int count = most == 0 ? 0 : ssh_channel_read_nonblocking(work->channel, buffer, (uint32_t)most, 0);
    if (count > 0) return count;
    return ssh_channel_is_eof(work->channel) && ssh_channel_poll(work->channel, 0) <= 0 ? -1 : 0;
}

static void print_digest(struct work *work) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    char text[2 * EVP_MAX_MD_SIZE + 2];
    EVP_DigestFinal_ex(work->digest, digest, &length);
    EVP_MD_CTX_free(work->digest);
    for (unsigned int i = 0; i < length; i++) sprintf(text + 2 * i, "%02x", digest[i]);
    text[2 * length] = '\n';
    ssh_channel_write(work->channel, text, 2 * length + 1);
}

/* Goes on with a channel's command; whether anything happened. */
static int step(struct work *work) {
    static char buffer[PIECE];
    int count;
    if (!work->begun || work->done) return 0;
    if (ssh_channel_is_closed(work->channel)) { work->done = 1; return 0; }
    if (strcmp(work->verb, "status") == 0) {
        ssh_channel_write(work->channel, "out\n", 4);
        ssh_channel_write_stderr(work->channel, "err\n", 4);
        finish(work, (int)work->number);
        return 1;
    }
    if (strcmp(work->verb, "send") == 0) {
        size_t most = ssh_channel_window_size(work->channel);
        if (work->number == 0) { finish(work, 0); return 1; }
        if (most > PIECE) most = PIECE;
        if (most > (size_t)work->number) most = (size_t)work->number;
        if (most > pattern_length - work->at) most = pattern_length - work->at;
        if (most == 0) return 0;
        count = ssh_channel_write(work->channel, pattern + work->at, (uint32_t)most);
        if (count <= 0) return 0;
        work->number -= count;
        work->at = (work->at + (size_t)count) % pattern_length;
        return 1;
    }
    if (strcmp(work->verb, "hash") == 0) {
        count = input(work, buffer, sizeof buffer);
        if (count > 0) EVP_DigestUpdate(work->digest, buffer, (size_t)count);
        if (count < 0) { print_digest(work); finish(work, 0); }
        return count != 0;
    }
    if (strcmp(work->verb, "echo") == 0) {
        size_t most = ssh_channel_window_size(work->channel);
        count = input(work, buffer, most < sizeof buffer ? most : sizeof buffer);
        if (count > 0) ssh_channel_write(work->channel, buffer, (uint32_t)count);
        if (count < 0) finish(work, 0);
        return count != 0;
    }
    if (strcmp(work->verb, "size") == 0) {
        if (work->size_changed) {
            count = snprintf(buffer, sizeof buffer, "%d %d\r\n", work->rows, work->columns);
            ssh_channel_write(work->channel, buffer, (uint32_t)count);
            work->size_changed = 0;
        }
        if (input(work, buffer, sizeof buffer) < 0) finish(work, 0);
        return 0;
    }
    if (strcmp(work->verb, "signal") == 0) {
        ssh_channel_request_send_exit_signal(work->channel, "TERM", 0, "", "");
        ssh_channel_send_eof(work->channel);
        ssh_channel_close(work->channel);
        work->done = 1;
        return 1;
    }
    ssh_channel_write_stderr(work->channel, "no such command\n", 16);
    finish(work, 127);
    return 1;
}

static void serve(ssh_session session) {
    struct ssh_server_callbacks_struct callbacks = {
        .auth_password_function = password,
        .auth_pubkey_function = public_key,
        .channel_open_request_session_function = new_session,
    };
    uint64_t rekey = strtoull(need("LAB_REKEY_BYTES"), NULL, 10);
    ssh_event event = ssh_event_new();
    ssh_callbacks_init(&callbacks);
    ssh_set_server_callbacks(session, &callbacks);
    ssh_set_message_callback(session, message, NULL);
    ssh_set_auth_methods(session, SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_INTERACTIVE);
    if (rekey > 0) ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &rekey);
    if (ssh_handle_key_exchange(session) != SSH_OK) {
        fprintf(stderr, "%s\n", ssh_get_error(session));
        return;
    }
    ssh_event_add_session(event, session);
    for (int moved = 0;;) {
        if (ssh_event_dopoll(event, moved ? 0 : 20) == SSH_ERROR) break;
        if (ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) break;
        moved = 0;
        for (int i = 0; i < work_count; i++) {
            if (works[i].channel == NULL) continue;
            for (int turns = 0; turns < 8 && step(&works[i]); turns++) moved = 1;
            if (works[i].done && ssh_channel_is_closed(works[i].channel)) {
                ssh_channel_free(works[i].channel);
                works[i].channel = NULL;
            }
        }
    }
    if (*ssh_get_error(session) != '\0') fprintf(stderr, "%s\n", ssh_get_error(session));
}

int main(void) {
    ssh_bind listener = ssh_bind_new();
    char *paths = strdup(need("LAB_HOST_KEYS"));
    int no = 0;
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    read_pattern();
    ssh_init();
    ssh_bind_options_set(listener, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    ssh_bind_options_set(listener, SSH_BIND_OPTIONS_BINDADDR, "127.0.0.1");
    ssh_bind_options_set(listener, SSH_BIND_OPTIONS_BINDPORT_STR, need("LAB_PORT"));
    for (char *path = strtok(paths, ":"); path != NULL; path = strtok(NULL, ":")) {
        ssh_bind_options_set(listener, SSH_BIND_OPTIONS_HOSTKEY, path);
    }
    if (getenv("LAB_LOG") != NULL) ssh_bind_options_set(listener, SSH_BIND_OPTIONS_LOG_VERBOSITY_STR, getenv("LAB_LOG"));
    if (ssh_bind_listen(listener) != SSH_OK) { fprintf(stderr, "%s\n", ssh_get_error(listener)); return 1; }
    for (;;) {
        ssh_session session = ssh_new();
        if (ssh_bind_accept(listener, session) != SSH_OK) { ssh_free(session); continue; }
        if (fork() == 0) {
            ssh_bind_free(listener);
            serve(session);
            ssh_disconnect(session);
            _exit(0);
        }
        ssh_disconnect(session);
        ssh_free(session);
    }
}
