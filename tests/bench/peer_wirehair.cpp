// The same measurements as bench_fec on another fountain code, wirehair 2 (tests/bench/peer_fec.sh builds and runs it).
#include "wirehair/wirehair.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

static const size_t T = 1280;

static double now()
{
	timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

struct times {
	std::vector<double> copy, setup, repair, decode;
};

static void run(unsigned k, unsigned percent, std::vector<uint8_t> &data, std::vector<uint8_t> &out,
	std::vector<uint8_t> &repair, WirehairCodec &encoder, WirehairCodec &decoder, times &t)
{
	const unsigned wanted = k * percent / 100, made = wanted + 16;
	unsigned lost = 0;
	uint32_t len;
	WirehairResult result = Wirehair_NeedMore;
	double start = now();
	memcpy(out.data(), data.data(), data.size());
	t.copy.push_back(now() - start);
	start = now();
	encoder = wirehair_encoder_create(encoder, data.data(), data.size(), T);
	t.setup.push_back(now() - start);
	start = now();
	for (unsigned i = 0; i < made; i++)
		wirehair_encode(encoder, k + i, &repair[i * T], T, &len);
	t.repair.push_back((now() - start) / made * k);
	memset(out.data(), 0, out.size());
	start = now();
	decoder = wirehair_decoder_create(decoder, data.size(), T);
	srand(1);
	for (unsigned i = 0; i < k; i++)
		if (unsigned(rand()) % (k - i) < wanted - lost)
			lost++;
		else
			result = wirehair_decode(decoder, i, &data[i * T], T);
	for (unsigned i = 0; i < lost + 2 && result != Wirehair_Success; i++)
		result = wirehair_decode(decoder, k + i, &repair[i * T], T);
	result = wirehair_recover(decoder, out.data(), out.size());
	t.decode.push_back(now() - start);
	if (result != Wirehair_Success || out != data)
		fprintf(stderr, "wirehair did not decode\n");
}

static double gbps(unsigned k, std::vector<double> &v)
{
	std::sort(v.begin(), v.end());
	return double(k) * T * 8 / v[v.size() / 2] / 1e9;
}

int main(int argc, char **argv)
{
	const unsigned ks[] = {100, 1000, 10000, 50000};
	const unsigned only = argc > 1 ? unsigned(strtoul(argv[1], nullptr, 10)) : 0;

	if (wirehair_init() != Wirehair_Success)
		return 1;
	for (unsigned k : ks)
		for (unsigned percent = 10; percent <= 20 && (only == 0 || k == only); percent += 10) {
			std::vector<uint8_t> data(k * T), out(k * T), repair((k * percent / 100 + 16) * T);
			WirehairCodec encoder = nullptr, decoder = nullptr;
			times t;
			for (auto &x : data)
				x = uint8_t(rand());
			for (int n = k <= 1000 ? 41 : k <= 10000 ? 9 : 5; n > 0; n--)
				run(k, percent, data, out, repair, encoder, decoder, t);
			printf("wirehair     K=%-6u setup %.2f  repair %.2f  decode-%u%% %.2f Gbit/s  (memcpy %.0f)\n", k,
				gbps(k, t.setup), gbps(k, t.repair), percent, gbps(k, t.decode), gbps(k, t.copy));
			wirehair_free(encoder);
			wirehair_free(decoder);
		}
	return 0;
}
