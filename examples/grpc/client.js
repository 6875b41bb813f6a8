import { readFileSync } from 'node:fs'
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { greeter } from './greeter.js'

const Greeter = makeGenericClientConstructor(greeter, 'Greeter')
const [address = 'localhost:3000', name = 'world'] = process.argv.slice(2)
const client = new Greeter(address, credentials.createSsl(readFileSync(process.env.TLS_CA)))
const call = client.greet({ name })
call.on('data', ({ text }) => console.log(text))
call.on('error', error => {
  console.error(error.message)
  process.exitCode = 1
})
call.on('status', () => client.close())
