/* sioload: puts one kind of load on a Socket.IO server on this machine and prints one JSON line.
 *
 * usage: sioload MODE -p PORT [-P PORT] [-n CLIENTS] [-d DEPTH] [-t SECONDS] [-w WARM-UP] [-s TEXT-BYTES]
 *
 *   echo     CLIENTS WebSockets, each keeping DEPTH acknowledged events in flight
 *   echo2    the same as clients of Socket.IO 2 do it
 *   echo09   the same as clients of Socket.IO 0.9 do it
 *   fanout   CLIENTS WebSockets; one asks for a broadcast whenever the last has reached everybody;
 *            with -P that one is at another server of a cluster
 *   askall   the same with an acknowledgement of each, which the server counts before the next
 *   connect  CLIENTS at a time open a WebSocket, join the namespace "/" and leave
 *   upgrade  the same by polling first, then the upgrade to WebSocket
 *   polling  CLIENTS over HTTP: an event by POST, its acknowledgement by GET, again and again
 *   hold     CLIENTS idle WebSockets, kept until standard input ends
 *
 * The server answers "echo" by acknowledging its argument, and "broadcast" by emitting "message" with
 * its argument to everybody; "ask" by the same with acknowledgements, and then by acknowledging how many
 * there were. Every answer is compared with what was sent. A client that meets anything
 * else counts as one error and stays away; with errors the figures are worthless and the status is 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INPUT_SIZE 8192      /* more than any answer that is expected, in bytes */
#define TAG_SIZE 8           /* the start of every text: whose it is, or which broadcast */
#define TEXT_LIMIT 1024      /* of -s, in bytes */
#define DEPTH_LIMIT 64       /* of -d */
#define CLIENT_LIMIT 100000  /* of -n */
#define HANDSHAKE_LIMIT 64   /* handshakes in flight while the clients of a steady load come */
#define OPENING_LIMIT 120.0  /* seconds until all of them must be there */
#define STALL_LIMIT 10.0     /* seconds without any progress that end a run */
#define HOLD_LIMIT 600.0     /* seconds after which idle clients leave by themselves */
#define SLOTS 100000         /* latencies are kept by the ten microseconds, up to a second */

enum mode { ECHO, ECHO2, ECHO09, FANOUT, ASKALL, CONNECT, UPGRADE, POLLING, HOLD, MODES };
enum wire { HTTP, SWITCHING, WEBSOCKET };
enum phase { AWAY, OPENING, JOINING, PROBING, CONFIRMING, READY, LEAVING, FAILED };

struct client;

/* One TCP connection: what its bytes mean, and those not yet understood. */
struct link {
    int fd;
    enum wire wire;
    struct client *client;
    size_t length;
    char input[INPUT_SIZE + 1];
};

/* main: what the session opened on. side: the second link of a polling client, for POST or upgrade. */
struct client {
    enum phase phase;
    struct link main, side;
    char sid[64], tag[TAG_SIZE + 1];
    bool probed, posted, acknowledged, owes_pong;
    unsigned received;
    uint64_t started, sent_at[DEPTH_LIMIT]; /* sent_at: nanoseconds, 0 for a free place */
    unsigned sent_id[DEPTH_LIMIT];
};

static const char *const mode_names[MODES] = {"echo",   "echo2",   "echo09",  "fanout", "askall",
                                              "connect", "upgrade", "polling", "hold"};
static enum mode mode;
static int port, asker_port, clients = 100, depth = 1, text_size = 32;
static double seconds = 5, warm_up = 1;

static struct client *all;
static int poller, *away, away_count, opening, ready, errors;
static char padding[TEXT_LIMIT + 1], broadcast_tag[TAG_SIZE + 3];
static unsigned broadcasts, undelivered;
static uint64_t broadcast_at, progress_at, counted, timed, slots[SLOTS];
static bool input_ended;

static bool echoes(void) { return mode == ECHO || mode == ECHO2 || mode == ECHO09; }

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double since(uint64_t start) { return (double)(now() - start) / 1e9; }

static void time_from(uint64_t start)
{
    uint64_t slot = (now() - start) / 10000;
    slots[slot < SLOTS ? slot : SLOTS - 1]++;
    timed++;
}

static double percentile(double share)
{
    uint64_t rank = (uint64_t)((double)timed * share), seen = 0;
    for (int slot = 0; slot < SLOTS; slot++)
        if ((seen += slots[slot]) > rank)
            return slot / 100.0;
    return 0;
}

/* ---- links ---- */

static void close_link(struct link *link, bool abruptly)
{
    struct linger reset = {.l_onoff = abruptly};
    if (link->fd < 0)
        return;
    setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(link->fd);
    link->fd = -1;
}

static void enter(struct client *c, enum phase phase)
{
    if (c->phase == FAILED)
        return;
    opening += (phase >= OPENING && phase < READY) - (c->phase >= OPENING && c->phase < READY);
    ready += (phase == READY) - (c->phase == READY);
    c->phase = phase;
    progress_at = now();
}

__attribute__((format(printf, 2, 3))) static void fail(struct client *c, const char *why, ...)
{
    if (c->phase == FAILED)
        return;
    if (errors++ < 8) {
        va_list values;
        va_start(values, why);
        fprintf(stderr, "sioload: client %d in phase %d: ", (int)(c - all), (int)c->phase);
        vfprintf(stderr, why, values);
        fputc('\n', stderr);
        va_end(values);
    }
    close_link(&c->main, true);
    close_link(&c->side, true);
    enter(c, FAILED);
}

/* The client that asks for broadcasts is all[0]. */
static int port_of(struct client *c) { return c == all && asker_port ? asker_port : port; }

static bool open_link(struct link *link, struct client *c, enum wire wire)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(c))};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    struct timeval patience = {.tv_sec = (time_t)STALL_LIMIT};
    int on = 1;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *link = (struct link){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .wire = wire, .client = c};
    /* On loopback connect returns at once unless the backlog is full, which is then worth knowing. */
    setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (link->fd < 0 || connect(link->fd, (struct sockaddr *)&server, sizeof server) < 0 ||
        fcntl(link->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, link->fd, &event) < 0)
        fail(c, "cannot connect: %s", strerror(errno));
    return c->phase != FAILED;
}

/* What is in flight is less than any socket buffer: a server that reads never makes this fall short. */
static void put(struct link *link, const void *bytes, size_t size)
{
    if (link->client->phase != FAILED && send(link->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail(link->client, "cannot send: %s", strerror(errno));
}

static void send_frame(struct link *link, int opcode, const char *payload, size_t size)
{
    static const unsigned char mask[4] = {0xa7, 0x31, 0x5c, 0xe9};
    unsigned char frame[TEXT_LIMIT + 256];
    size_t head = 2;
    frame[0] = (unsigned char)(0x80 | opcode);
    frame[1] = (unsigned char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        frame[2] = (unsigned char)(size >> 8);
        frame[3] = (unsigned char)size;
        head = 4;
    }
    memcpy(frame + head, mask, sizeof mask);
    head += sizeof mask;
    for (size_t i = 0; i < size; i++)
        frame[head + i] = (unsigned char)payload[i] ^ mask[i & 3];
    put(link, frame, head + size);
}

static void send_text(struct link *link, const char *payload) { send_frame(link, 1, payload, strlen(payload)); }

/* Sends a GET, or a POST of body when there is one; on a link that is to become a WebSocket, the upgrade. */
static void request(struct link *link, const char *body)
{
    static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const char *sid = link->client->sid;
    char bytes[TEXT_LIMIT + 768], length[96] = "", path[192];
    if (mode == ECHO09)
        snprintf(path, sizeof path, "1/%s%s", *sid ? "websocket/" : "", sid);
    else
        snprintf(path, sizeof path, "?EIO=%d&transport=%s%s%s", mode == ECHO2 ? 3 : 4,
                 link->wire == HTTP ? "polling" : "websocket", *sid ? "&sid=" : "", sid);
    if (body)
        snprintf(length, sizeof length, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", strlen(body));
    int size = snprintf(bytes, sizeof bytes,
                        "%s /socket.io/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s\r\n%s", body ? "POST" : "GET", path,
                        port_of(link->client), length, link->wire == HTTP ? "" : upgrade, body ? body : "");
    put(link, bytes, (size_t)size);
}

/* ---- what clients do ---- */

static struct link *websocket_of(struct client *c) { return mode == UPGRADE || mode == ECHO09 ? &c->side : &c->main; }

static void start(struct client *c)
{
    bool direct = mode != UPGRADE && mode != POLLING && mode != ECHO09;
    c->sid[0] = 0;
    c->probed = c->owes_pong = false;
    c->started = now();
    enter(c, OPENING);
    if (open_link(&c->main, c, direct ? SWITCHING : HTTP))
        request(&c->main, NULL);
}

static void send_echo(struct client *c, unsigned id)
{
    char packet[TEXT_LIMIT + 64];
    c->sent_at[id % (unsigned)depth] = now();
    c->sent_id[id % (unsigned)depth] = id;
    if (mode == ECHO09)
        snprintf(packet, sizeof packet, "5:%u+::{\"name\":\"echo\",\"args\":[\"%s%s\"]}", id, c->tag, padding);
    else
        snprintf(packet, sizeof packet, "%s42%u[\"echo\",\"%s%s\"]", c->owes_pong ? "3\x1e" : "", id, c->tag, padding);
    c->owes_pong = false;
    if (mode == POLLING)
        request(&c->side, packet);
    else
        send_text(websocket_of(c), packet);
}

static void exchange(struct client *c, unsigned id)
{
    c->posted = c->acknowledged = false;
    request(&c->main, NULL);
    send_echo(c, id);
}

static void send_broadcast(void)
{
    char packet[TEXT_LIMIT + 64];
    snprintf(broadcast_tag, sizeof broadcast_tag, "%0*u", TAG_SIZE, broadcasts++ % 100000000);
    const char *event = mode == ASKALL ? "0[\"ask\"" : "[\"broadcast\"";
    snprintf(packet, sizeof packet, "42%s,\"%s%s\"]", event, broadcast_tag, padding);
    undelivered = (unsigned)clients;
    broadcast_at = now();
    send_text(&all[0].main, packet);
}

static void leave(struct client *c)
{
    counted++;
    time_from(c->started);
    send_text(websocket_of(c), "41");
    send_frame(websocket_of(c), 8, "", 0);
    enter(c, LEAVING);
}

static void joined(struct client *c)
{
    if (mode == UPGRADE) {
        enter(c, PROBING);
        request(&c->main, NULL);
        if (open_link(&c->side, c, SWITCHING))
            request(&c->side, NULL);
    } else if (mode != POLLING || open_link(&c->side, c, HTTP)) {
        enter(c, READY);
        if (mode == CONNECT)
            leave(c);
    }
}

static void switch_over(struct client *c)
{
    close_link(&c->main, false);
    enter(c, CONFIRMING);
    send_text(&c->side, "5");
    send_echo(c, 0);
}

static bool is_text(const char *json, const char *tag)
{
    size_t size = strlen(padding);
    return !strncmp(json, tag, TAG_SIZE) && !strncmp(json + TAG_SIZE, padding, size) &&
           !strcmp(json + TAG_SIZE + size, "\"]");
}

static void on_ack(struct client *c, const char *packet)
{
    char *json;
    unsigned id = (unsigned)strtoul(packet + (mode == ECHO09 ? 4 : 2), &json, 10), place = id % (unsigned)depth;
    json += mode == ECHO09 && *json == '+';
    if (!c->sent_at[place] || c->sent_id[place] != id || strncmp(json, "[\"", 2) || !is_text(json + 2, c->tag)) {
        fail(c, "an acknowledgement that nobody waits for: %.60s", packet);
        return;
    }
    uint64_t sent_at = c->sent_at[place];
    c->sent_at[place] = 0;
    if (c->phase == CONFIRMING) {
        leave(c);
        return;
    }
    time_from(sent_at);
    counted++;
    c->received++;
    progress_at = now();
    if (echoes())
        send_echo(c, id + (unsigned)depth);
    else
        c->acknowledged = true;
}

static void on_message(struct client *c, const char *packet)
{
    char answer[64], *json;
    unsigned long id = strtoul(packet + 2, &json, 10);
    if (strncmp(json, "[\"message\",\"", 12) || (json == packet + 2) != (mode == FANOUT) ||
        ++c->received != broadcasts || !is_text(json + 12, broadcast_tag)) {
        fail(c, "a broadcast that is not this client's next: %.60s", packet);
        return;
    }
    counted++;
    undelivered--;
    if (mode == ASKALL) {
        snprintf(answer, sizeof answer, "43%lu[\"%s\"]", id, c->tag);
        send_text(&c->main, answer);
    } else if (undelivered == 0) {
        time_from(broadcast_at);
        progress_at = now();
        send_broadcast();
    }
}

/* All have acknowledged a broadcast, says the server. */
static void on_count(struct client *c, const char *packet)
{
    char *json;
    strtoul(packet + 2, &json, 10);
    if (undelivered || strncmp(json, "[", 1) || strtoul(json + 1, NULL, 10) != (unsigned long)clients) {
        fail(c, "not the acknowledgements of %d clients: %.60s", clients, packet);
        return;
    }
    time_from(broadcast_at);
    progress_at = now();
    send_broadcast();
}

/* A packet of Socket.IO 0.9. */
static void on_early_packet(struct client *c, const char *packet)
{
    if (!strcmp(packet, "2::"))
        send_text(&c->side, "2::");
    else if (c->phase == JOINING && !strcmp(packet, "1::"))
        joined(c);
    else if (c->phase == READY && !strncmp(packet, "6:::", 4))
        on_ack(c, packet);
    else
        fail(c, "an unexpected packet: %.60s", packet);
}

static void on_packet(struct client *c, const char *packet)
{
    if (mode == ECHO09)
        on_early_packet(c, packet);
    else if (!strcmp(packet, "2") && websocket_of(c)->wire == WEBSOCKET)
        send_text(websocket_of(c), "3");
    else if (!strcmp(packet, "2"))
        c->owes_pong = true;
    else if (!strcmp(packet, "6"))
        return; /* the only use of a noop is to end a poll */
    else if (c->phase == OPENING && packet[0] == '0') {
        if (mode != ECHO2) /* which is let in without asking */
            send_text(&c->main, "40");
        enter(c, JOINING);
    } else if (c->phase == JOINING && !strncmp(packet, "40", 2))
        joined(c);
    else if (c->phase == PROBING && !strcmp(packet, "3probe"))
        c->probed = true;
    else if (c->phase == READY && mode == ASKALL && !strncmp(packet, "43", 2))
        on_count(c, packet);
    else if ((c->phase == CONFIRMING || c->phase == READY) && !strncmp(packet, "43", 2))
        on_ack(c, packet);
    else if (c->phase == READY && (mode == FANOUT || mode == ASKALL) && !strncmp(packet, "42", 2))
        on_message(c, packet);
    else if (c->phase != LEAVING)
        fail(c, "an unexpected packet: %.60s", packet);
}

static void on_payload(struct client *c, char *body)
{
    char *rest;
    for (char *packet = strtok_r(body, "\x1e", &rest); packet; packet = strtok_r(NULL, "\x1e", &rest))
        on_packet(c, packet);
}

/* A poll or a POST was answered with status 200. */
static void on_answer(struct link *link, char *body)
{
    struct client *c = link->client;
    bool posted = !strcasecmp(body, "ok"); /* python-socketio shouts */
    if (mode == ECHO09) {
        if (sscanf(body, "%63[A-Za-z0-9_-]:", c->sid) != 1) {
            fail(c, "no session id: %.60s", body);
            return;
        }
        close_link(&c->main, false);
        enter(c, JOINING);
        if (open_link(&c->side, c, SWITCHING))
            request(&c->side, NULL);
    } else if (c->phase == OPENING) {
        const char *sid = strstr(body, "\"sid\":\"");
        if (!sid || sscanf(sid + 7, "%63[A-Za-z0-9_-]", c->sid) != 1) {
            fail(c, "no session id: %.60s", body);
            return;
        }
        enter(c, JOINING);
        request(link, "40");
    } else if (c->phase == READY) {
        c->posted |= posted;
        if (!posted)
            on_payload(c, body);
        if (c->posted && c->acknowledged)
            exchange(c, c->sent_id[0] + 1);
        else if (!posted && !c->acknowledged)
            request(link, NULL);
    } else {
        enum phase before = c->phase;
        if (!posted)
            on_payload(c, body);
        if (c->phase == PROBING && c->probed)
            switch_over(c);
        else if (c->phase == before)
            request(link, NULL);
    }
}

/* ---- bytes ---- */

/* Takes one HTTP answer from bytes, which a NUL ends: how many it had, 0 if it is not whole yet. */
static size_t take_answer(struct link *link, char *bytes, size_t size)
{
    char *end = memmem(bytes, size, "\r\n\r\n", 4), *field, kept;
    size_t head, length;
    if (!end)
        return 0;
    head = (size_t)(end - bytes) + 4;
    *end = 0;
    if (link->wire == SWITCHING) {
        if (strncmp(bytes, "HTTP/1.1 101 ", 13) || !strstr(bytes, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
            fail(link->client, "no WebSocket: %.60s", bytes);
            return 0;
        }
        link->wire = WEBSOCKET;
        if (mode == UPGRADE)
            send_text(link, "2probe");
        return head;
    }
    field = strcasestr(bytes, "\r\nContent-Length:");
    if (strncmp(bytes, "HTTP/1.1 200 ", 13) || !field) {
        fail(link->client, "not an answer of known length: %.60s", bytes);
        return 0;
    }
    *end = '\r';
    length = strtoul(field + 17, NULL, 10);
    if (length > size - head)
        return 0;
    kept = bytes[head + length];
    bytes[head + length] = 0;
    on_answer(link, bytes + head);
    bytes[head + length] = kept;
    return head + length;
}

/* Takes one WebSocket frame from bytes, which a NUL ends: how many it had, 0 if it is not whole yet. */
static size_t take_frame(struct link *link, char *bytes, size_t size)
{
    struct client *c = link->client;
    size_t length = size < 2 ? 0 : (unsigned char)bytes[1], head = length == 126 ? 4 : 2;
    if (size < head)
        return 0;
    if (length == 126)
        length = (size_t)(unsigned char)bytes[2] << 8 | (unsigned char)bytes[3];
    else if (length > 126) {
        fail(c, "a frame that is masked or too long");
        return 0;
    }
    if (size < head + length)
        return 0;
    if ((unsigned char)bytes[0] == 0x88 && c->phase == LEAVING) {
        close_link(&c->main, true);
        close_link(&c->side, true);
        enter(c, AWAY);
        away[away_count++] = (int)(c - all);
    } else if ((unsigned char)bytes[0] != 0x81) {
        fail(c, "a frame that is not a text: %02x", (unsigned char)bytes[0]);
    } else {
        char kept = bytes[head + length];
        bytes[head + length] = 0;
        on_packet(c, bytes + head);
        bytes[head + length] = kept;
    }
    return head + length;
}

static void read_link(struct link *link)
{
    ssize_t got = recv(link->fd, link->input + link->length, INPUT_SIZE - link->length, 0);
    size_t used, taken = 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        fail(link->client, "the server ended the connection%s%s", got ? ": " : "", got ? strerror(errno) : "");
        return;
    }
    link->length += (size_t)got;
    do {
        char *bytes = link->input + taken;
        size_t size = link->length - taken;
        used = link->wire == WEBSOCKET ? take_frame(link, bytes, size) : take_answer(link, bytes, size);
        taken += used;
    } while (used && link->fd >= 0 && taken < link->length);
    link->length -= taken;
    memmove(link->input, link->input + taken, link->length);
    if (link->length == INPUT_SIZE)
        fail(link->client, "an answer longer than %d bytes", INPUT_SIZE);
}

/* ---- a run ---- */

/* Lets clients start, waits for bytes a moment and has them read. */
static void turn(void)
{
    struct epoll_event events[256];
    int limit = mode == CONNECT || mode == UPGRADE ? clients : HANDSHAKE_LIMIT;
    while (away_count && opening < limit)
        start(&all[away[--away_count]]);
    int count = epoll_wait(poller, events, 256, 100);
    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;
        if (!link)
            input_ended = true;
        else if (link->fd >= 0)
            read_link(link);
    }
}

/* Turns for a time in seconds; false when it had to end before, because nothing moves any more. */
static bool run_for(double duration)
{
    uint64_t start_at = now();
    progress_at = start_at;
    while (since(start_at) < duration && !input_ended) {
        turn();
        if (errors == clients || (mode != HOLD && since(progress_at) > STALL_LIMIT)) {
            fprintf(stderr, "sioload: nothing moves any more\n");
            errors += errors == 0;
            return false;
        }
    }
    return true;
}

static bool open_all(void)
{
    uint64_t start_at = now();
    while (ready + errors < clients) {
        turn();
        if (since(start_at) > OPENING_LIMIT || since(progress_at) > STALL_LIMIT) {
            fprintf(stderr, "sioload: only %d of %d clients could connect\n", ready, clients);
            errors += clients - ready - errors;
        }
    }
    return errors == 0;
}

static double processor_time(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void report(double elapsed, double busy)
{
    printf("{\"mode\":\"%s\",\"clients\":%d,\"depth\":%d,\"ready\":%d,\"seconds\":%.3f,\"count\":%llu,\"per_second\":%.1f,"
           "\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"load_cpu\":%.2f,\"errors\":%d}\n",
           mode_names[mode], clients, depth, ready, elapsed, (unsigned long long)counted,
           elapsed > 0 ? (double)counted / elapsed : 0, percentile(0.5), percentile(0.99),
           elapsed > 0 ? busy / elapsed : 0, errors);
    fflush(stdout);
}

static void hold(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0) {
        fprintf(stderr, "sioload: standard input must be a pipe or a terminal\n");
        errors++;
        return;
    }
    report(0, 0);
    run_for(HOLD_LIMIT);
}

static void measure(void)
{
    for (int i = 0; i < clients; i++)
        for (int id = 0; echoes() && id < depth; id++)
            send_echo(&all[i], (unsigned)id);
    for (int i = 0; mode == POLLING && i < clients; i++)
        exchange(&all[i], 0);
    if (mode == FANOUT || mode == ASKALL)
        send_broadcast();
    if (!run_for(warm_up))
        return report(0, 0);
    counted = timed = 0;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < clients && mode != FANOUT && mode != ASKALL; i++)
        all[i].received = 0;
    uint64_t start_at = now();
    double busy = processor_time();
    run_for(seconds);
    for (int i = 0; i < clients; i++)
        if ((echoes() || mode == POLLING) && all[i].received == 0)
            fail(&all[i], "starved while others were served");
    report(since(start_at), processor_time() - busy);
}

static bool parse(int count, char **words)
{
    int option;
    while (mode < MODES && (count < 2 || strcmp(words[1], mode_names[mode])))
        mode++;
    optind = 2;
    while ((option = getopt(count, words, "p:P:n:d:t:w:s:")) != -1)
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'P': asker_port = atoi(optarg); break;
        case 'n': clients = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm_up = atof(optarg); break;
        case 's': text_size = atoi(optarg); break;
        default: return false;
        }
    return mode < MODES && optind == count && port > 0 && port < 65536 && clients > 0 && clients <= CLIENT_LIMIT &&
           depth > 0 && depth <= DEPTH_LIMIT && (depth == 1 || echoes()) && seconds > 0 && warm_up >= 0 &&
           text_size >= TAG_SIZE && text_size <= TEXT_LIMIT;
}

int main(int count, char **words)
{
    struct rlimit files;
    if (!parse(count, words)) {
        fprintf(stderr, "usage: sioload echo|echo2|echo09|fanout|askall|connect|upgrade|polling|hold -p PORT"
                        " [-n CLIENTS] [-d DEPTH] [-t SECONDS] [-w WARM-UP] [-s TEXT-BYTES]\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    all = calloc((size_t)clients, sizeof *all);
    away = calloc((size_t)clients, sizeof *away);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!all || !away || poller < 0 || files.rlim_cur < 2 * (rlim_t)clients + 16) {
        fprintf(stderr, "sioload: too many clients for the memory or the open files allowed here\n");
        return 2;
    }
    memset(padding, 'x', (size_t)(text_size - TAG_SIZE));
    for (int i = 0; i < clients; i++) {
        all[i].main.fd = all[i].side.fd = -1;
        snprintf(all[i].tag, sizeof all[i].tag, "%0*u", TAG_SIZE, (unsigned)i % 100000000);
        away[away_count++] = clients - 1 - i;
    }
    if (mode != CONNECT && mode != UPGRADE && !open_all())
        report(0, 0);
    else if (mode == HOLD)
        hold();
    else
        measure();
    free(all);
    free(away);
    close(poller);
    return errors ? 1 : 0;
}
