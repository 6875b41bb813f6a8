import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tryOut } from '../../src/explain/try-out.js'
import { SECRET } from '../fixtures/auth.js'
import { trialOf } from '../fixtures/explain.js'
import { COMMAND } from '../fixtures/started.js'

const JWT = { jwt: { jwksUrl: 'https://id.example.com/jwks.json', forward: { 'x-user': 'sub' } } }

t.test('explain asks nobody for credentials, and shows what the service would not get', async t => {
  const trial = trialOf({ auth: JWT, access: { deny: ['127.0.0.1'] }, routes: [{ prefix: '/api', target: 'http://localhost:1' }] })
  const { forwarded, status } = await tryOut(trial, { method: 'GET', target: '/api/x', host: 'localhost', fields: [['x_user', 'root'], ['x-other', 'y']] })
  t.match({ forwarded, status }, { forwarded: { route: 0 }, status: 204 })
  t.ok(forwarded?.rawHeaders.includes('x-other'))
  t.notMatch(JSON.stringify(forwarded), 'root')
})

t.test('explain names what a request passes', async t => {
  const folder = t.testdir()
  const explained = (route: object): string => {
    writeFileSync(join(folder, 'routes.json'), JSON.stringify({ routes: [{ prefix: '/api', target: 'http://localhost:1', ...route }] }))
    return spawnSync(process.execPath, [COMMAND, 'explain', 'GET', '/api/x'], { cwd: folder, encoding: 'utf8' }).stdout
  }
  t.match(explained({ auth: JWT, access: { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] } }), 'passes  access (from 10.0.0.0/8, not from 10.1.0.0/16), auth (jwt), which is not asked here')
  const two = [{ jwt: { secret: SECRET } }, { apiKey: { header: 'x-api-key', keys: { a: 'b' } } }]
  t.match(explained({ auth: { any: two } }), 'auth (jwt or apiKey)')
  t.match(explained({ auth: { all: two } }), 'auth (jwt and apiKey)')
})
