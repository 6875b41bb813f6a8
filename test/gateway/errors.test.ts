import t from 'tap'
import { notSent, upstreamFailure } from '../../src/proxy/errors.js'
import { QueueFullError } from '../../src/upstream/pool.js'

t.test('what keeps a request from being sent, as the response it deserves', async t => {
  t.match(notSent(new QueueFullError(1, 1)), { statusCode: 503, cause: { message: '1 connections are in use and 1 requests wait' } })
  t.match(notSent(new TypeError('Invalid character in header content')), { statusCode: 400 })
})

t.test('an error without a code is a failed connection', async t => {
  t.match(upstreamFailure(new Error('odd')), { statusCode: 502, message: 'Failed to connect to upstream service' })
})

t.test('a connection that was lost before anything was sent, and no room for another, is no fault of the service', async t => {
  t.match(upstreamFailure(new QueueFullError(1, 0)), { statusCode: 503, rejecter: 'queue' })
})
