import t from 'tap'
import { compileHashKey, cookieOf } from '../../../src/upstream/balance/hash-key.js'
import type { HashedRequest } from '../../../src/upstream/balance/hash-key.js'

function request (headers: Record<string, string> = {}, path = '/a/b?c=d'): HashedRequest {
  return { ip: '2001:db8::1', path, header: name => headers[name] }
}

t.test('address and path', async t => {
  t.equal(compileHashKey('ip')(request()), '2001:db8::1')
  t.equal(compileHashKey('path')(request()), '/a/b')
  t.equal(compileHashKey('path')(request({}, '/a/b')), '/a/b')
})

t.test('a header, and without it the address', async t => {
  const keyOf = compileHashKey('header:X-User')
  t.equal(keyOf(request({ 'x-user': 'u1' })), 'u1')
  t.equal(keyOf(request()), '2001:db8::1')
  t.equal(keyOf(request({ 'x-user': '' })), '2001:db8::1')
})

t.test('a cookie, and without it the address', async t => {
  const keyOf = compileHashKey('cookie:sid')
  t.equal(keyOf(request({ cookie: 'a=1; sid=s1; b=2' })), 's1')
  t.equal(keyOf(request({ cookie: 'sid=; a=1' })), '2001:db8::1')
  t.equal(keyOf(request({ cookie: 'a=1' })), '2001:db8::1')
  t.equal(keyOf(request()), '2001:db8::1')
})

t.test('the value of a cookie', async t => {
  for (const [cookies, value] of [
    ['sid=1', '1'],
    ['a=sid=2; sid=1', '1'],
    ['xsid=2; sid=1', '1'],
    ['sidx=2;sid=1', '1'],
    ['SID=2; sid=1', '1'],
    ['sid; sid=1', '1'],
    ['sid=1; sid=2', '1'],
    [' \tsid=1 \t; a=2', '1'],
    ['sid="a b"', '"a b"'],
    ['sid=a=b==', 'a=b=='],
    ['sid=   ', ''],
    ['sid=', ''],
    ['; ;;sid=1', '1'],
    ['a=1;sid', undefined],
    ['a=1; ', undefined],
    ['', undefined]
  ] as const) t.equal(cookieOf(cookies, 'sid'), value, cookies)
})

t.test('anything else is an error', async t => {
  for (const source of ['', 'host', 'header:', 'cookie:', 'IP']) t.throws(() => compileHashKey(source), TypeError, source)
})
