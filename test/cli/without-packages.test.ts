import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SECRET } from '../fixtures/auth.js'
import { preloaded, Started } from '../fixtures/started.js'

/** Has Node find no package of these names. */
const HOOKS = `export async function resolve (name, context, next) {
  if (['jose', 'bcrypt'].includes(name)) throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })
  return await next(name, context)
}`

for (const [method, name] of [['jwt', 'jose'], ['basic', 'bcrypt']] as const) {
  t.test(`start without ${name} says what to install, without a stack and with status 1`, async t => {
    const env = preloaded(t, `import { register } from 'node:module'\nif (isWorker) register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)})`)
    const settings = { jwt: { secret: SECRET }, basic: { file: 'htpasswd' } }
    const gateway = new Started(t, folder => {
      writeFileSync(join(folder, 'htpasswd'), '')
      writeFileSync(join(folder, 'routes.json'), JSON.stringify({ routes: [{ prefix: '/', target: 'http://127.0.0.1:1', auth: { [method]: settings[method] } }] }))
    }, [], env)
    t.equal(await gateway.exited, 1)
    t.match(gateway.output, new RegExp(`^the authentication: 1 mistake\\n {2}auth\\.${method}: needs a package that is not installed: npm install ${name}$`, 'm'))
    t.notMatch(gateway.output, /\n {4}at /)
  })
}
