import t from 'tap'
import { logLevel } from '../../src/config/index.js'

t.test('a flag wins over the variable, and without either it is info', async t => {
  t.equal(logLevel(['cli.js', 'start', '-p', '3000', 'app.js'], {}), 'info')
  t.equal(logLevel([], { FASTIFY_LOG_LEVEL: '' }), 'info')
  t.equal(logLevel([], { FASTIFY_LOG_LEVEL: 'error' }), 'error')
  for (const flag of [['-l', 'warn'], ['-lwarn'], ['--log-level', 'warn'], ['--log-level=warn'], ['--logLevel', 'warn'], ['-l', 'info', '-l', 'warn']]) {
    t.equal(logLevel(['start', ...flag, 'app.js'], { FASTIFY_LOG_LEVEL: 'error' }), 'warn', flag.join(' '))
  }
})

t.test('a level that there is not is told with what there is', async t => {
  const levels = 'must be trace, debug, info, warn, error, fatal or silent'
  t.throws(() => logLevel(['-l', 'loud'], {}), { code: 'GATEWAY_CONFIG_INVALID', message: `log level: 1 mistake\n  --log-level: found "loud", ${levels}` })
  t.throws(() => logLevel(['-l'], {}), { message: `log level: 1 mistake\n  --log-level: found nothing, ${levels}` })
  t.throws(() => logLevel([], { FASTIFY_LOG_LEVEL: 'INFO' }), { message: `log level: 1 mistake\n  FASTIFY_LOG_LEVEL: found "INFO", ${levels}` })
})
