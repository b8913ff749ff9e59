/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/tx.c - packets into a guest's receive rings.
 *
 *      plan      under the rings' locks: chains for each packet, in the packets' order, until one
 *                has no room; what was planned up to there becomes ours
 *      copy      no lock: header and bytes straight to where the guest wants them
 *      publish   under the lock: used elements; one decision about an interrupt
 *
 * A flow stays in one ring, chosen by its hash.  The packets taken are the first so many of the
 * burst, whatever ring each was for: where one has no room, all rings stop at that packet.  Locks
 * are taken in the order of rings, so two workers never wait for each other.
 */
#include "base/copy.h"
#include "port/vhost_user/batch.h"

enum { TAG_BYTES = 4, ADDRESS_BYTES = 12 };

static uint32_t tag_bytes(const struct packet *p)
{
	return p->x.flags & XVS_PKT_VLAN ? TAG_BYTES : 0;
}

/* ---- planning ---------------------------------------------------------------------------------------- */

static bool has_stage_room(const struct tx_job *j)
{
	return j->st.chain_count + STAGE_CHAINS <= j->chain_room &&
	       j->st.segment_count < STAGE_SEGMENTS;
}

/* Chain 'nr' of the stage, looked up with as many others as will be wanted soon. */
static bool has_chain(struct tx_job *j, uint32_t nr)
{
	if (nr < j->st.chain_count)
		return true;
	if (!has_stage_room(j))
		return false;
	j->is_full = !vring_stage(&j->vr, &j->st, j->count - j->planned, true);
	return !j->is_full;
}

/* False: no room for it now. */
static bool plan_packet(struct tx_job *j, uint64_t need, struct tx_plan *plan)
{
	uint64_t room = 0;
	uint32_t count = 0;

	while (room < need && (count == 0 || j->is_mergeable)) {
		if (!has_chain(j, j->chains_used + count)) {
			/* more than we ever take at a time, and nothing else in hand: it never fits */
			*plan = (struct tx_plan){ 0, 0 };
			return !j->is_full && j->chains_used == 0 &&
			       j->chain_room == VHOST_TAKEN_MAX;
		}
		room += j->st.chains[j->chains_used + count++].len;
	}
	*plan = (struct tx_plan){ j->chains_used, room < need ? 0 : count };
	return true;
}

/* As nearly always: the next chain is there, and large enough with any tag. */
static void plan_simple(struct tx_job *j, struct packet *const *pkts)
{
	const struct vring_chain *chains = j->st.chains;
	const uint32_t chain_count = j->st.chain_count;
	const uint32_t more = j->header_bytes + TAG_BYTES;
	const uint32_t count = j->count;
	uint32_t used = j->chains_used;
	uint32_t lengths = j->lengths;
	uint32_t nr = j->planned;

	for (; nr < count && used < chain_count; nr++, used++) {
		const uint32_t len = pkts[j->packets[nr]]->x.len;

		if (chains[used].len < more + len)
			break;
		lengths |= len;
		j->plans[nr] = (struct tx_plan){ used, 1 };
	}
	j->planned = nr;
	j->lengths = lengths;
	j->chains_used = used;
}

static void plan(struct tx_job *j, struct packet *const *pkts)
{
	for (;;) {
		const struct packet *p;
		struct tx_plan *to;

		plan_simple(j, pkts);
		if (j->planned == j->count)
			return;
		p = pkts[j->packets[j->planned]];
		to = &j->plans[j->planned];
		if (!plan_packet(j, j->header_bytes + p->x.len + tag_bytes(p), to))
			return;
		j->chains_used += to->count;
		j->planned++;
	}
}

/* Only packets before 'end' of the burst. */
static void cut(struct tx_job *j, uint32_t end)
{
	while (j->planned > 0 && j->packets[j->planned - 1] >= end)
		j->chains_used -= j->plans[--j->planned].count;
}

static void commit(struct tx_job *j)
{
	uint16_t next = j->st.position;

	if (j->chains_used == 0)
		return;
	if (j->chains_used < j->st.chain_count)
		next = vring_behind(&j->vr, j->vr.ring->at.next_avail, j->st.used, j->chains_used);
	vring_commit(&j->vr, j->taken, j->chains_used, next);
}

/* ---- copying ------------------------------------------------------------------------------------------- */

/* num_buffers is ours alone; legacy headers end before it. */
static void make_header(const struct tx_job *j, const struct packet *p, uint32_t buffers,
			uint8_t header[VNET_BYTES])
{
	const uint16_t merged = (uint16_t)buffers;

	vnet_write(p, header, VNET_BYTES, tag_bytes(p));
	/* virtio 1.2, 5.1.6.4.1: no flag at all */
	if (!j->takes_sums)
		header[0] = 0;
	memcpy(header + 10, &merged, sizeof(merged));
}

/* Where in the chains of one packet we are. */
struct writing {
	struct tx_job *job;
	uint32_t chain;   /* of the stage */
	uint32_t segment; /* of the chain */
	uint32_t off;
};

static struct vring_segment writing_at(struct writing *w)
{
	for (;;) {
		const struct vring_chain *c = &w->job->st.chains[w->chain];

		if (w->segment < c->count) {
			const struct vring_segment s = chain_segment(&w->job->st, c, w->segment);

			if (w->off < s.len)
				return s;
		}
		w->off = 0;
		w->segment = w->segment + 1 < c->count ? w->segment + 1 : 0;
		if (w->segment == 0)
			w->chain++;
	}
}

/* The plan saw to it that there is room for all of it. */
static void write_bytes(struct writing *w, const uint8_t *from, size_t len)
{
	while (len > 0) {
		const struct vring_segment s = writing_at(w);
		uint32_t room = s.len - w->off;
		uint32_t some = len < room ? (uint32_t)len : room;

		copy_bytes(s.at + w->off, from, some);
		if (w->job->vr.logs)
			vhost_log_bytes(w->job->vr.view, s.at + w->off, some);
		w->job->st.used[w->chain].len += some;
		w->off += some;
		from += some;
		len -= some;
	}
}

static void write_frame(struct writing *w, const struct packet *p)
{
	uint32_t skip = 0;

	if (p->x.flags & XVS_PKT_VLAN) {
		uint16_t type = p->x.flags & XVS_PKT_SVLAN ? 0x88a8 : 0x8100;
		const uint8_t tag[TAG_BYTES] = { (uint8_t)(type >> 8), (uint8_t)type,
						 (uint8_t)(p->x.vlan_tci >> 8),
						 (uint8_t)p->x.vlan_tci };

		write_bytes(w, p->x.data, ADDRESS_BYTES);
		write_bytes(w, tag, TAG_BYTES);
		skip = ADDRESS_BYTES;
	}
	write_bytes(w, p->x.data + skip, p->x.linear - skip);
	write_bytes(w, p->rest.iov_base, p->rest.iov_len);
	for (uint32_t i = 0; i < p->tail_count; i++)
		write_bytes(w, p->tail[i].iov_base, p->tail[i].iov_len);
}

static void copy_any(struct tx_job *j, const struct packet *p, const struct tx_plan *to)
{
	struct writing w = { .job = j, .chain = to->first };
	uint8_t header[VNET_BYTES];

	make_header(j, p, to->count, header);
	write_bytes(&w, header, j->header_bytes);
	write_frame(&w, p);
}

static uint8_t *put_run(uint8_t *to, const uint8_t *from, size_t len)
{
	copy_bytes(to, from, len);
	return to + len;
}

static void put_runs(uint8_t *to, const struct packet *p)
{
	to = put_run(to, p->rest.iov_base, p->rest.iov_len);
	for (uint32_t i = 0; i < p->tail_count; i++)
		to = put_run(to, p->tail[i].iov_base, p->tail[i].iov_len);
}

/* A header that says nothing but that the packet has one buffer, where it has a place for that. */
static inline void put_plain_header(uint8_t *to, uint32_t header_bytes)
{
	static const uint8_t header[VNET_BYTES] = { [10] = 1 };

	memcpy(to, header, VNET_BYTES_LEGACY - 2);
	if (header_bytes == VNET_BYTES)
		memcpy(to + VNET_BYTES_LEGACY - 2, header + VNET_BYTES_LEGACY - 2, 4);
	else
		memcpy(to + VNET_BYTES_LEGACY - 2, header, 2);
}

/* Nothing for the header to say, and no tag to put in. */
static inline bool is_plain(const struct packet *p)
{
	return !(p->x.flags & (XVS_PKT_CSUM_TODO | XVS_PKT_CSUM_OK | XVS_PKT_VLAN)) &&
	       p->x.gso_type == 0;
}

/*
 * The lines of a room are in the cache of whoever read a packet there last, and a store waits for
 * its line.  Two were asked for when the room was found; what a long packet needs beyond them is
 * asked for while the one before it is copied, up to what the first-level cache has room for.
 */
static inline void fetch_room(const struct tx_job *j, const struct packet *p, uint32_t nr)
{
	enum { LINE = 64, FETCHED = 2 * LINE, FETCH_MAX = 18 * LINE };
	const struct vring_chain *c = &j->st.chains[j->plans[nr].first];
	const uint32_t end = p->x.len < FETCH_MAX ? p->x.len : FETCH_MAX;

	if (c->count != 1 || c->len < end)
		return;
	for (uint32_t off = FETCHED; off < end; off += LINE)
		fetch(c->at + off, true);
}

/*
 * Plain packets that go into one piece each, in a row: nearly all there are.  From packet 'from' on,
 * up to the last one planned or one that is not; which that is.
 */
static uint32_t copy_plain_ones(struct tx_job *j, struct packet *const *pkts, uint32_t from)
{
	const uint32_t planned = j->vr.logs ? 0 : j->planned;
	const uint32_t header_bytes = j->header_bytes;
	const struct vring_chain *chains = j->st.chains;
	struct vhost_used *used = j->st.used;
	const bool has_long = j->lengths > PACKET_HEAD;
	uint64_t bytes = 0;
	uint32_t nr = from;

	for (; nr < planned; nr++) {
		const struct packet *p = pkts[j->packets[nr]];
		const struct tx_plan plan = j->plans[nr];
		const struct vring_chain *c = &chains[plan.first];
		uint8_t *to = c->at;

		if (plan.count != 1 || c->count != 1 || !is_plain(p))
			break;
		if (has_long && nr + 1 < planned)
			fetch_room(j, pkts[j->packets[nr + 1]], nr + 1);
		put_plain_header(to, header_bytes);
		to += header_bytes;
		copy_bytes(to, p->x.data, p->x.linear);
		if (p->x.linear != p->x.len)
			put_runs(to + p->x.linear, p);
		used[plan.first].len = header_bytes + p->x.len;
		bytes += p->x.len;
	}
	j->sent += nr - from;
	j->sent_bytes += bytes;
	return nr;
}

static void copy_planned(struct tx_job *j, struct packet *const *pkts)
{
	j->sent = 0;
	j->sent_bytes = 0;
	for (uint32_t nr = copy_plain_ones(j, pkts, 0); nr < j->planned;
	     nr = copy_plain_ones(j, pkts, nr + 1)) {
		const struct packet *p = pkts[j->packets[nr]];

		if (!j->plans[nr].count)
			continue;
		copy_any(j, p, &j->plans[nr]);
		j->sent++;
		j->sent_bytes += p->x.len;
	}
}

/* ---- publishing ------------------------------------------------------------------------------------------ */

static void count_sent(const struct tx_job *j)
{
	struct vhost_ring *r = j->vr.ring;

	ring_count(&r->packets, j->sent);
	ring_count(&r->bytes, j->sent_bytes);
	if (j->sent < j->planned)
		ring_count(&r->bad, j->planned - j->sent);
	if (j->is_full)
		ring_count(&r->full, 1);
}

static void publish(struct tx_job *j)
{
	struct vhost_ring *r = j->vr.ring;
	uint16_t from;
	uint16_t to;

	vring_lock(r);
	from = r->at.next_used;
	if (j->chains_used)
		(void)vring_publish(&j->vr, j->taken, j->chains_used);
	to = r->at.next_used;
	count_sent(j);
	vring_unlock(r);
	vring_notify(&j->vr, from, to);
}

/* ---- a burst ----------------------------------------------------------------------------------------------- */

static void job_open(struct tx_job *j, struct vhost_device *d, uint32_t worker)
{
	const uint64_t features = j->vr.view->features;

	j->taken = &j->vr.ring->mark->taken[worker];
	j->header_bytes = vring_header_bytes(features);
	j->is_mergeable = vhost_has(features, VHOST_NET_MRG_RXBUF);
	j->takes_sums = vhost_has(features, VHOST_NET_GUEST_CSUM);
	j->is_full = false;
	j->count = 0;
	j->st.segments = d->scratch[worker].segments;
	j->st.used = j->taken->used;
}

/* The job's chains and segments go behind those of the job before it. */
static void job_plan(struct tx_job *j, struct vhost_scratch *room, const struct tx_job *before,
		     struct packet *const *pkts)
{
	uint32_t chains = before ? before->st.chain_count : 0;

	j->st.chains = before ? before->st.chains + chains : room->chains;
	j->st.chain_count = 0;
	j->st.segment_count = before ? before->st.segment_count : 0;
	j->st.position = j->vr.ring->at.next_avail;
	j->chain_room = before ? before->chain_room - chains : VHOST_TAKEN_MAX;
	j->planned = 0;
	j->lengths = 0;
	j->chains_used = 0;
	plan(j, pkts);
}

/* The rings that run, in order; how many. */
static uint32_t open_jobs(struct vhost_device *d, const struct vhost_view *v, uint32_t worker)
{
	struct tx_job *jobs = d->scratch[worker].jobs;
	uint32_t count = 0;

	for (uint32_t nr = 0; nr < d->ring_count; nr += 2) {
		if (!vring_open(&jobs[count].vr, d, v, nr))
			continue;
		job_open(&jobs[count], d, worker);
		count++;
	}
	return count;
}

static void all_to(struct tx_job *j, uint32_t count)
{
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
		j->packets[i] = (uint8_t)i;
	j->count = count;
}

static void share_out(struct tx_job *jobs, uint32_t job_count, struct packet *const *pkts,
		      uint32_t count)
{
	if (job_count == 1) {
		all_to(&jobs[0], count);
		return;
	}
	for (uint32_t i = 0; i < job_count; i++)
		jobs[i].count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct tx_job *j = &jobs[(uint64_t)pkts[i]->x.hash * job_count >> 32];

		j->packets[j->count++] = (uint8_t)i;
	}
}

/* Locks, plans and takes; the first packet of the burst that has no room, or 'count'. */
static uint32_t reserve(struct tx_job *jobs, uint32_t job_count, struct vhost_scratch *room,
			struct packet *const *pkts, uint32_t count)
{
	const struct tx_job *before = NULL;
	uint32_t end = count;

	for (uint32_t i = 0; i < job_count; i++) {
		struct tx_job *j = &jobs[i];

		if (j->count == 0)
			continue;
		vring_lock(j->vr.ring);
		job_plan(j, room, before, pkts);
		before = j;
		if (j->planned < j->count && j->packets[j->planned] < end)
			end = j->packets[j->planned];
	}
	for (uint32_t i = 0; i < job_count; i++) {
		if (jobs[i].count == 0)
			continue;
		cut(&jobs[i], end);
		commit(&jobs[i]);
		vring_unlock(jobs[i].vr.ring);
	}
	return end;
}

/* As many of the packets as have room, and fit into what one worker takes at a time. */
static uint32_t send_some(struct tx_job *jobs, uint32_t job_count, struct vhost_scratch *room,
			  struct packet *const *pkts, uint32_t count)
{
	uint32_t sent;

	share_out(jobs, job_count, pkts, count);
	sent = reserve(jobs, job_count, room, pkts, count);
	for (uint32_t i = 0; i < job_count; i++) {
		if (jobs[i].count)
			copy_planned(&jobs[i], pkts);
	}
	for (uint32_t i = 0; i < job_count; i++) {
		if (jobs[i].count)
			publish(&jobs[i]);
	}
	return sent;
}

static bool is_any_full(const struct tx_job *jobs, uint32_t job_count)
{
	for (uint32_t i = 0; i < job_count; i++) {
		if (jobs[i].is_full)
			return true;
	}
	return false;
}

uint32_t vhost_tx(struct backend *b, unsigned worker, struct packet *const *pkts, uint32_t count)
{
	struct vhost_device *d = (struct vhost_device *)b;
	const struct vhost_view *v = rcu_read(&d->view);
	struct vhost_scratch *room = &d->scratch[worker];
	uint32_t job_count;
	uint32_t sent = 0;

	if (!v || vhost_is_broken(d))
		return 0;
	job_count = open_jobs(d, v, worker);
	while (job_count > 0 && sent < count && !is_any_full(room->jobs, job_count)) {
		uint32_t left = count - sent < XVS_BATCH_MAX ? count - sent : XVS_BATCH_MAX;
		uint32_t some = send_some(room->jobs, job_count, room, pkts + sent, left);

		/* other rings may have had the place that the first packet needed */
		if (some == 0 && !is_any_full(room->jobs, job_count))
			some = send_some(room->jobs, job_count, room, pkts + sent, 1);
		if (some == 0)
			break;
		sent += some;
	}
	return sent;
}
