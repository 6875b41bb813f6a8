import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import bcrypt from 'bcrypt'
import t from 'tap'
import type { Test } from 'tap'
import { Basic } from '../../src/auth/basic.js'
import { Passwords } from '../../src/auth/passwords.js'
import { basic, guarded } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { until } from '../fixtures/until.js'

const ROUNDS = 4
const PASSWORD = 'pässword: with a colon'
const HASH = bcrypt.hashSync(PASSWORD, ROUNDS)

function htpasswd (t: Test, text = `ann:${HASH.replace('$2b', '$2y')}\nbob:${HASH.replace('$2b', '$2a')}\näda:${HASH}\n`): string {
  return join(t.testdir({ htpasswd: text }), 'htpasswd')
}

t.test('a name and a password: bcrypt as htpasswd writes it', async t => {
  const { port, asked } = await guarded(t, { basic: { file: htpasswd(t), forward: 'x-user', realm: 'the shop' } })
  for (const user of ['ann', 'bob', 'äda']) t.equal((await call(port, '/api/x', { headers: { ...basic(user, PASSWORD), x_user: 'root' } })).status, 200, user)
  t.strictSame(asked.map(({ headers }) => Buffer.from(String(headers['x-user']), 'latin1').toString()), ['ann', 'bob', 'äda'])
  t.match(asked[0]?.headers, { authorization: /^Basic /, x_user: undefined })
  const wrong = [basic('ann', 'x'), basic('ann', ''), basic('', PASSWORD), basic('carl', PASSWORD), basic('ANN', PASSWORD), { authorization: 'Basic' }, { authorization: 'Basic !!!' }, { authorization: `Basic ${Buffer.from('ann').toString('base64')}` }, {}, { authorization: 'Bearer x' }]
  for (const headers of wrong) {
    const response = await call(port, '/api/x', { headers })
    t.match(response, { status: 401, headers: { 'www-authenticate': 'Basic realm="the shop", charset="UTF-8"' } })
    t.match(response.json(), { error: { code: 'UNAUTHORIZED' } })
  }
  const twice = ['Host', 'x', 'Authorization', basic('ann', PASSWORD).authorization, 'Authorization', basic('bob', PASSWORD).authorization]
  t.equal((await call(port, '/api/x', { headers: twice })).status, 401)
  t.equal(asked.length, 3)
})

t.test('strip keeps the password from the service', async t => {
  const { port, asked } = await guarded(t, { basic: { file: htpasswd(t), strip: true } })
  t.equal((await call(port, '/api/x', { headers: basic('ann', PASSWORD) })).status, 200)
  t.notMatch(asked[0]?.headers, { authorization: String })
})

t.test('users of a file are read again when it changes, and what is remembered goes with them', async t => {
  const file = htpasswd(t)
  const { port, lines } = await guarded(t, { basic: { file } })
  const status = async (): Promise<number> => (await call(port, '/api/x', { headers: basic('ann', PASSWORD) })).status
  t.equal(await status(), 200)
  writeFileSync(file, 'ann:{SHA}confidential')
  await until(() => lines.some(({ msg }) => msg === 'the changed file with users cannot be used, what it had before still counts'))
  t.equal(await status(), 200)
  writeFileSync(file, `bob:${HASH}\n`)
  await until(() => lines.some(({ msg }) => msg === 'the changed file with users is in use'))
  t.equal(await status(), 401)
  t.notMatch(JSON.stringify(lines), /confidential|\$2b/)
})

/** A method by comparisons that the test ends. */
function held (t: Test, text?: string) {
  const compared: string[] = []
  const waiting: Array<(matches: boolean) => void> = []
  const passwords = new Passwords(async (_password, hash) => {
    compared.push(hash)
    return await new Promise<boolean>(resolve => { waiting.push(resolve) })
  })
  const log = { info () {}, warn () {}, error () {} }
  const method = new Basic({ file: htpasswd(t, text), realm: 'x', strip: false }, passwords, 'basic', log)
  const ask = async (user: string, password: string): Promise<string> => {
    const { authorization } = basic(user, password)
    const raw = { headers: { authorization }, rawHeaders: ['Authorization', authorization] }
    const decision = await method.authenticate({ raw: Object.assign(Object.create(null), raw), method: 'GET', url: '/' })
    return 'code' in decision ? decision.code : 'passed'
  }
  return { compared, waiting, ask }
}

t.test('a user who is not there costs as much as one who is', async t => {
  const { compared, waiting, ask } = held(t, `ann:${HASH.replace('$2b$04', '$2y$11')}\n`)
  const asked = [ask('ann', 'x'), ask('nobody', 'x')]
  await until(() => waiting.length === 2)
  t.strictSame(compared.map(hash => hash.slice(0, 7)), ['$2b$11$', '$2b$11$'])
  // Also where what it is compared with were to match.
  for (const end of waiting) end(true)
  t.strictSame(await Promise.all(asked), ['passed', 'UNAUTHORIZED'])
  t.equal(await bcrypt.compare('', String(compared[1])), false, 'it is a hash')
})

t.test('two comparisons at once, one for the same credentials, and none for what is remembered', async t => {
  const { compared, waiting, ask } = held(t)
  const same = Array.from({ length: 10 }, async () => await ask('ann', 'a'))
  const others = Array.from({ length: 6 }, async (_, nth) => await ask('ann', `b${nth}`))
  await until(() => waiting.length === 2)
  t.equal(compared.length, 2)
  for (let nth = 0; nth < 7; nth++) {
    await until(() => waiting.length > nth)
    waiting[nth]?.(nth === 0)
  }
  t.strictSame(new Set(await Promise.all(same)), new Set(['passed']))
  t.strictSame(new Set(await Promise.all(others)), new Set(['UNAUTHORIZED']))
  t.equal(compared.length, 7)
  t.equal(await ask('ann', 'a'), 'passed')
  t.equal(compared.length, 7)
  const again = ask('ann', 'b0')
  await until(() => waiting.length === 8)
  waiting[7]?.(false)
  t.equal(await again, 'UNAUTHORIZED', 'what was wrong is compared again')
})

t.test('more passwords than can be compared: 503, and the loop goes on', async t => {
  const { waiting, ask } = held(t)
  const asked = Array.from({ length: 131 }, async (_, nth) => await ask('ann', `${nth}`))
  t.equal(await asked[130], 'SERVICE_UNAVAILABLE')
  for (let nth = 0; nth < 130; nth++) {
    await until(() => waiting.length > nth)
    waiting[nth]?.(false)
  }
  t.strictSame(new Set(await Promise.all(asked.slice(0, 130))), new Set(['UNAUTHORIZED']))
})

t.test('a comparison that fails lets nobody in, and the next one has its turn', async t => {
  let nth = 0
  const passwords = new Passwords(async () => {
    if (nth++ === 0) throw new Error('no memory')
    return true
  })
  await t.rejects(passwords.match('a', HASH), { message: 'no memory' })
  t.equal(await passwords.match('a', HASH), true)
})

t.test('a name that no header can tell as it is: 403', async t => {
  const { port } = await guarded(t, { basic: { file: htpasswd(t, `a\tb:${HASH}\n`), forward: 'x-user' } })
  t.equal((await call(port, '/api/x', { headers: basic('a\tb', PASSWORD) })).status, 403)
})
