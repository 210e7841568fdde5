// Bluesky's own personal data server, on loopback alone. Everything about it stands in the environment.
const { PDS, envToCfg, envToSecrets, readEnv } = require('@atproto/pds')

async function main() {
  const environment = readEnv()
  const pds = await PDS.create(envToCfg(environment), envToSecrets(environment))
  const listen = pds.app.listen.bind(pds.app)
  pds.app.listen = (port, ...rest) => listen(port, '127.0.0.1', ...rest)
  await pds.start()
  process.on('SIGTERM', async () => {
    await pds.destroy()
    process.exit(0)
  })
}

main()
