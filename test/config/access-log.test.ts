import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, withRoute } from './mistakes.js'

const ACCESS_LOG = 'must be true, false or an object such as { "slow": "1s", "sample": 0.1 }'

t.test('mistakes in server.accessLog', async t => {
  const wrong = (accessLog: unknown): string[] => mistakesIn(withRoute({}, { server: { accessLog } }))
  t.strictSame(wrong(1), [`server.accessLog: found 1, ${ACCESS_LOG}`])
  t.strictSame(wrong({ format: 'apache', sample: 2, slow: 'x', redact: 'token', maxFiles: 0, file: 1, maxSize: 0, more: 1 }), [
    'server.accessLog.file: found 1, must be the path of a file',
    'server.accessLog.format: found "apache", must be "json", "common", "combined" or a list of fields such as ["time", "ip", "url", "status"]',
    'server.accessLog.maxFiles: found 0, must be a whole number from 1 to 1000',
    'server.accessLog.maxSize: found 0, must be a size of at least 64kb: whole bytes (104857600) or text such as "100mb"',
    'server.accessLog.more: unknown key, must be one of format, file, maxSize, maxFiles, sample, slow, redact',
    'server.accessLog.redact: found "token", must be a list of keys such as ["access_token"]',
    'server.accessLog.sample: found 2, must be a number from 0 to 1',
    'server.accessLog.slow: found "x", must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  ])
  t.strictSame(wrong({ format: ['ip', 'addr', 'header:x y'] }), [
    'server.accessLog.format[1]: found "addr", must be one of time, reqId, ip, method, url, status, route, target, attempts, bytes, duration, upstreamDuration, outcome, err, cause, or "header:" and a name',
    'server.accessLog.format[2]: found "header:x y", must be one of time, reqId, ip, method, url, status, route, target, attempts, bytes, duration, upstreamDuration, outcome, err, cause, or "header:" and a name'
  ])
  for (const maxSize of ['63kb', 'big']) t.match(wrong({ file: 'a', maxSize }), [/^server\.accessLog\.maxSize: found "\w+", must be a size of at least 64kb/])
  t.strictSame(wrong({ maxSize: '1mb', maxFiles: 3 }), [
    'server.accessLog.maxFiles: found 3, must come with file: it is the file that is put aside',
    'server.accessLog.maxSize: found "1mb", must come with file: it is the file that is put aside'
  ])
})

t.test('what is left out has its default', async t => {
  const settings = (accessLog: object) => checkConfig(withRoute({}, { server: { accessLog } })).server.accessLog
  t.strictSame(settings({}), { format: 'json', maxFiles: 10, sample: 1 })
  t.match(settings({ file: 'a', maxSize: '64kb', slow: '1s' }), { file: 'a', maxSize: 65_536, slow: 1000 })
})
