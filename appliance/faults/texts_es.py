"""The table of faults in Spanish: key, then cause and cure."""

from __future__ import annotations

SPANISH = {
    "no_wifi": (
        "El aparato no está en ninguna red.",
        "Revise el router, y el nombre y la contraseña de la red que tiene el aparato.",
    ),
    "no_route": (
        "La red no llega a Internet.",
        "Revise el router y su línea; el aparato sigue intentándolo.",
    ),
    "captive_portal": (
        "La red pide que alguien se identifique antes en una página web.",
        "Identifíquese con un teléfono en la misma red, o dé otra red al aparato.",
    ),
    "dns_failed": (
        "No se encuentra la dirección del servicio: no responde ningún servidor de nombres, o "
        "el nombre es erróneo.",
        "Revise el router; revise `endpoint.url` si se ha cambiado.",
    ),
    "clock_wrong": (
        "El reloj del aparato va mal, y por eso no puede fiarse de ningún certificado.",
        "Conéctelo a una red que deje pasar los servidores de hora (NTP); vea `timedatectl`.",
    ),
    "tls_failed": (
        "El certificado del servicio no es de fiar, o algo en el camino intercepta la conexión.",
        "Busque un proxy o un filtro en la red; revise `endpoint.url`.",
    ),
    "connection_refused": (
        "Nadie atiende en la dirección del servicio.",
        "Revise `endpoint.url`, y que el servidor esté en marcha.",
    ),
    "connect_timeout": (
        "El servicio no atendió la llamada a tiempo.",
        "Revise la red, y el cortafuegos si lo hay; el aparato sigue intentándolo.",
    ),
    "proxy_failed": (
        "El proxy no dejó pasar la conexión.",
        "Revise HTTPS_PROXY y NO_PROXY, y el propio proxy.",
    ),
    "link_failed": (
        "No se pudo establecer la conexión.",
        "Revise la red; el aparato sigue intentándolo.",
    ),
    "link_lost": (
        "Se perdió la conexión.",
        "Se restablece en seguida; pregunte otra vez si se cortó una respuesta, y revise la "
        "red si esto continúa.",
    ),
    "stalled": (
        "La conexión ha enmudecido.",
        "Se restablece en seguida; pregunte otra vez si se cortó una respuesta, y revise la "
        "red si esto continúa.",
    ),
    "circuit_open": (
        "El servicio lleva un rato fuera de alcance; por eso el aparato lo intenta menos a menudo.",
        "Revise la red y el servicio; hay un intento cada `circuit_breaker.reset_timeout`.",
    ),
    "session_expired": (
        "La sesión ha llegado a su edad máxima.",
        "No hay nada que hacer: el aparato abre otra.",
    ),
    "renewal_failed": (
        "No se pudo abrir la sesión siguiente.",
        "No hay nada que hacer: la actual sirve hasta el próximo intento.",
    ),
    "protocol_error": (
        "Un mensaje del servicio no se entendió.",
        "Actualice el aparato si esto continúa.",
    ),
    "missing_api_key": (
        "No hay clave de API.",
        "Ponga la credencial de systemd `openai_api_key`, u OPENAI_API_KEY, y reinicie el aparato.",
    ),
    "invalid_api_key": (
        "El servicio no acepta la clave de API.",
        "Revise que la clave esté bien escrita; cree otra si fue retirada.",
    ),
    "insufficient_quota": (
        "El crédito de la cuenta se ha agotado.",
        "Añada crédito a la cuenta; la próxima pulsación lo intenta de nuevo.",
    ),
    "billing_hard_limit_reached": (
        "Se ha alcanzado el límite de gasto de la cuenta.",
        "Suba el límite en la cuenta, o espere al próximo mes.",
    ),
    "billing_not_active": (
        "La cuenta no tiene forma de pago.",
        "Configure el pago en la cuenta; la próxima pulsación lo intenta de nuevo.",
    ),
    "account_deactivated": (
        "La cuenta de esta clave de API está cerrada.",
        "Pregunte al proveedor, o use la clave de otra cuenta.",
    ),
    "unsupported_country_region_territory": (
        "El servicio no se ofrece en este país.",
        "Pregunte al proveedor; busque un proxy o una VPN que lleve al extranjero.",
    ),
    "model_not_found": (
        "Ese modelo no existe, o la cuenta de la clave no puede usarlo.",
        "Ponga en `session.model` uno que exista; vea `appliance config check`.",
    ),
    "invalid_model": (
        "El modelo no es de voz.",
        "Ponga en `session.model` un modelo de tiempo real; vea `appliance config check`.",
    ),
    "beta_api_shape_disabled": (
        "El servicio toma el aparato por un cliente de la antigua beta.",
        "Actualice el aparato; revise que `endpoint.url` no lleve a una pasarela antigua.",
    ),
    "service_refused": (
        "El servicio rechazó la sesión.",
        "Vea `appliance config check`; la línea del diario da el motivo.",
    ),
    "rate_limit_exceeded": (
        "Demasiadas peticiones en poco tiempo.",
        "Espere un minuto; el aparato espera tanto como pida el servicio.",
    ),
    "service_unavailable": (
        "El servicio está averiado.",
        "Espere un rato; el aparato sigue intentándolo.",
    ),
    "service_error": (
        "El servicio no pudo responder.",
        "Pregunte otra vez.",
    ),
    "response_failed": (
        "El servicio abandonó una respuesta.",
        "Pregunte otra vez; la línea del diario da el motivo.",
    ),
    "transcription_failed": (
        "El servicio no pudo transcribir lo que se dijo.",
        "La respuesta no lo necesita; revise `session.input_audio_transcription.model` si "
        "esto continúa.",
    ),
    "input_audio_buffer_commit_empty": (
        "Se entregaron menos de 100 ms de sonido.",
        "No hay nada que hacer: la frase fue demasiado corta.",
    ),
    "response_cancel_not_active": (
        "La respuesta que se quería parar ya había terminado.",
        "No hay nada que hacer.",
    ),
    "conversation_already_has_active_response": (
        "Se pidió una respuesta mientras otra anterior aún terminaba.",
        "No hay nada que hacer: el aparato vuelve a pedirla.",
    ),
    "no_answer": (
        "El servicio no respondió a tiempo.",
        "Pregunte otra vez; después revise la red.",
    ),
    "offline": (
        "Faltó la conexión demasiado tiempo; lo dicho no pudo entregarse.",
        "Dígalo otra vez cuando se apague la luz de «sin red».",
    ),
    "speech_dropped": (
        "Lo que se dijo sin conexión era demasiado antiguo para enviarlo.",
        "Dígalo otra vez.",
    ),
    "audio_dropped": (
        "Se dijo más de lo que se puede guardar sin conexión; lo más antiguo se ha perdido.",
        "Dígalo otra vez en partes más cortas cuando haya conexión.",
    ),
    "empty_answer": (
        "El servicio respondió sin sonido.",
        "Pregunte otra vez.",
    ),
    "reply_cut_short": (
        "El servicio terminó su respuesta antes de tiempo.",
        "Pida menos de una vez; suba `session.max_response_output_tokens` si se bajó.",
    ),
    "reply_stalled": (
        "La respuesta se paró a la mitad.",
        "Pregunte otra vez.",
    ),
    "tool_stuck": (
        "Una función que llamó el modelo no terminó.",
        "Pregunte otra vez; después reinicie el aparato.",
    ),
    "tools_without_end": (
        "El modelo llamaba a funciones sin parar; se puso fin al turno.",
        "Pregunte con otras palabras.",
    ),
    "too_short": (
        "Se captó muy poco sonido.",
        "Mantenga pulsado el botón mientras habla.",
    ),
    "microphone_missing": (
        "No hay micrófono.",
        "Enchúfelo; `appliance devices` muestra lo que hay.",
    ),
    "microphone_lost": (
        "El micrófono ha desaparecido.",
        "Revise su enchufe; se usará de nuevo en cuanto vuelva.",
    ),
    "microphone_silent": (
        "El micrófono no dio ningún sonido.",
        "Revise su enchufe y su interruptor; vea `appliance devices`.",
    ),
    "microphone_clipping": (
        "El micrófono satura y la voz se distorsiona.",
        "Baje su ganancia (`alsamixer`), o hable desde más lejos.",
    ),
    "speaker_missing": (
        "No hay altavoz.",
        "Enchúfelo; `appliance devices` muestra lo que hay.",
    ),
    "speaker_lost": (
        "El altavoz ha desaparecido.",
        "Revise su enchufe; se usará de nuevo en cuanto vuelva.",
    ),
    "button_stuck": (
        "El botón lleva más de un minuto pulsado.",
        "Revise que no esté atascado, y su cableado; vuelve a contar en cuanto se suelte.",
    ),
    "disk_full": (
        "La tarjeta de memoria está llena.",
        "Quite lo que no haga falta; `journalctl --vacuum-size=50M` es un comienzo.",
    ),
    "state_not_saved": (
        "El aparato no puede escribir en su tarjeta de memoria; lo que debe recordar se pierde en "
        "el próximo arranque.",
        "Compruebe que `/var/lib/appliance` pertenece al servicio; cambie una tarjeta que solo se "
        "deja leer.",
    ),
    "memory_high": (
        "Al aparato le falta memoria.",
        "Cierre otros programas; el aparato se reinicia solo si hace falta.",
    ),
    "too_hot": (
        "El procesador está demasiado caliente y va despacio.",
        "Dé al aparato aire, sombra o un disipador.",
    ),
    "undervoltage": (
        "La fuente de alimentación es demasiado débil.",
        "Use una fuente hecha para esta placa, y un cable corto y grueso.",
    ),
    "settings_invalid": (
        "Uno o varios ajustes son erróneos.",
        "`appliance config check` los nombra todos; corríjalos y reinicie el aparato.",
    ),
    "update_pending": (
        "Una actualización espera a ser instalada.",
        "Instálela, o reinicie el aparato, cuando nadie lo necesite.",
    ),
    "cost_warning": (
        "Se han gastado cuatro quintos del dinero del día.",
        "Úselo con moderación hasta medianoche, o suba el límite diario en `[cost]`.",
    ),
    "cost_cap_reached": (
        "Se ha gastado el dinero del día; el aparato responderá de nuevo mañana.",
        "Espere a medianoche, o suba el límite diario en `[cost]`.",
    ),
}
