import t from 'tap'
import { Dns } from '../../src/config/dns-schema.js'
import { normalizeBySchema } from '../../src/config/normalize-by-schema.js'
import { mistakesInSection } from './sections.js'

t.test('what is filled in', async t => {
  t.strictSame(normalizeBySchema(Dns, {}), { refresh: 30_000 })
  t.strictSame(normalizeBySchema(Dns, { refresh: '1m', type: 'srv' }), { refresh: 60_000, type: 'srv' })
})

t.test('what is wrong', async t => {
  for (const [dns, line] of [
    [{ type: 'A' }, 'type: found "A", must be "a", "aaaa" or "srv"'],
    [{ refresh: '30' }, 'refresh: found "30", must name its unit (ms, s, m, h or d), or be a number of milliseconds without quotes'],
    [{ ttl: 1 }, 'ttl: unknown key, must be one of refresh, type'],
    [[], ': found an empty list, must be an object such as { "refresh": "30s" }']
  ] as const) t.strictSame(mistakesInSection(Dns, dns), [line])
})
