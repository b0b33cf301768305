"""The table of faults in German: key, then cause and cure."""

from __future__ import annotations

GERMAN = {
    "no_wifi": (
        "Das Gerät ist in keinem Netz.",
        "Prüfen Sie den Router sowie Netzname und Passwort, die das Gerät hat.",
    ),
    "no_route": (
        "Das Netz führt nicht ins Internet.",
        "Prüfen Sie den Router und seine Leitung; das Gerät versucht es weiter.",
    ),
    "captive_portal": (
        "Das Netz verlangt, dass sich zuerst jemand auf einer Webseite anmeldet.",
        "Melden Sie sich mit einem Telefon im selben Netz an, oder geben Sie dem Gerät ein "
        "anderes Netz.",
    ),
    "dns_failed": (
        "Die Adresse des Dienstes ist nicht zu finden: Kein Namensserver antwortet, oder der "
        "Name ist falsch.",
        "Prüfen Sie den Router; prüfen Sie `endpoint.url`, falls es geändert wurde.",
    ),
    "clock_wrong": (
        "Die Uhr des Geräts geht falsch, so dass keinem Zertifikat getraut werden kann.",
        "Verbinden Sie es mit einem Netz, das Zeitserver (NTP) zulässt; prüfen Sie `timedatectl`.",
    ),
    "tls_failed": (
        "Dem Zertifikat des Dienstes ist nicht zu trauen, oder etwas auf dem Weg bricht die "
        "Verbindung auf.",
        "Suchen Sie nach einem Proxy oder Filter im Netz; prüfen Sie `endpoint.url`.",
    ),
    "connection_refused": (
        "Am Endpunkt nimmt niemand Verbindungen an.",
        "Prüfen Sie `endpoint.url` und ob der Server dort läuft.",
    ),
    "connect_timeout": (
        "Der Dienst hat den Anruf nicht rechtzeitig beantwortet.",
        "Prüfen Sie das Netz und gegebenenfalls die Firewall; das Gerät versucht es weiter.",
    ),
    "proxy_failed": (
        "Der Proxy hat die Verbindung nicht durchgelassen.",
        "Prüfen Sie HTTPS_PROXY und NO_PROXY sowie den Proxy selbst.",
    ),
    "link_failed": (
        "Es kam keine Verbindung zustande.",
        "Prüfen Sie das Netz; das Gerät versucht es weiter.",
    ),
    "link_lost": (
        "Die Verbindung ist abgerissen.",
        "Sie wird sofort neu aufgebaut; fragen Sie noch einmal, wenn eine Antwort "
        "abgeschnitten wurde, und prüfen Sie das Netz, wenn es so weitergeht.",
    ),
    "stalled": (
        "Die Verbindung ist verstummt.",
        "Sie wird sofort neu aufgebaut; fragen Sie noch einmal, wenn eine Antwort "
        "abgeschnitten wurde, und prüfen Sie das Netz, wenn es so weitergeht.",
    ),
    "circuit_open": (
        "Der Dienst ist seit einer Weile nicht erreichbar; das Gerät versucht es deshalb seltener.",
        "Prüfen Sie Netz und Dienst; ein Versuch erfolgt alle `circuit_breaker.reset_timeout`.",
    ),
    "session_expired": (
        "Die Sitzung hat ihr Höchstalter erreicht.",
        "Es ist nichts zu tun: Das Gerät eröffnet eine neue.",
    ),
    "renewal_failed": (
        "Die nächste Sitzung ließ sich nicht eröffnen.",
        "Es ist nichts zu tun: Die jetzige dient bis zum nächsten Versuch weiter.",
    ),
    "protocol_error": (
        "Eine Nachricht des Dienstes war nicht zu verstehen.",
        "Aktualisieren Sie das Gerät, wenn es so weitergeht.",
    ),
    "missing_api_key": (
        "Es gibt keinen API-Schlüssel.",
        "Setzen Sie das systemd-Credential `openai_api_key` oder OPENAI_API_KEY und starten "
        "Sie das Gerät neu.",
    ),
    "invalid_api_key": (
        "Der Dienst nimmt den API-Schlüssel nicht an.",
        "Prüfen Sie den Schlüssel auf Tippfehler; erzeugen Sie einen neuen, wenn er gesperrt "
        "wurde.",
    ),
    "insufficient_quota": (
        "Das Guthaben des Kontos ist aufgebraucht.",
        "Laden Sie das Konto auf; der nächste Tastendruck versucht es neu.",
    ),
    "billing_hard_limit_reached": (
        "Die Ausgabengrenze des Kontos ist erreicht.",
        "Erhöhen Sie die Grenze im Konto, oder warten Sie auf den nächsten Monat.",
    ),
    "billing_not_active": (
        "Das Konto hat keine Zahlungsart.",
        "Richten Sie im Konto eine Zahlung ein; der nächste Tastendruck versucht es neu.",
    ),
    "account_deactivated": (
        "Das Konto hinter dem API-Schlüssel ist geschlossen.",
        "Fragen Sie den Anbieter, oder nehmen Sie den Schlüssel eines anderen Kontos.",
    ),
    "unsupported_country_region_territory": (
        "Der Dienst wird in diesem Land nicht angeboten.",
        "Fragen Sie den Anbieter; suchen Sie nach einem Proxy oder VPN, das ins Ausland führt.",
    ),
    "model_not_found": (
        "Dieses Modell gibt es nicht, oder das Konto des Schlüssels darf es nicht benutzen.",
        "Setzen Sie `session.model` auf ein vorhandenes; siehe `appliance config check`.",
    ),
    "invalid_model": (
        "Das Modell ist keines für Sprache.",
        "Setzen Sie `session.model` auf ein Realtime-Modell; siehe `appliance config check`.",
    ),
    "beta_api_shape_disabled": (
        "Der Dienst hält das Gerät für einen Client der alten Beta.",
        "Aktualisieren Sie das Gerät; prüfen Sie `endpoint.url` auf ein veraltetes Gateway.",
    ),
    "service_refused": (
        "Der Dienst hat die Sitzung abgelehnt.",
        "Siehe `appliance config check`; die Zeile im Journal nennt den Grund.",
    ),
    "rate_limit_exceeded": (
        "Zu viele Anfragen in kurzer Zeit.",
        "Warten Sie eine Minute; das Gerät wartet so lange, wie der Dienst verlangt.",
    ),
    "service_unavailable": (
        "Der Dienst ist gestört.",
        "Warten Sie eine Weile; das Gerät versucht es weiter.",
    ),
    "service_error": (
        "Der Dienst konnte nicht antworten.",
        "Fragen Sie noch einmal.",
    ),
    "response_failed": (
        "Der Dienst hat eine Antwort aufgegeben.",
        "Fragen Sie noch einmal; die Zeile im Journal nennt den Grund.",
    ),
    "transcription_failed": (
        "Der Dienst konnte das Gesagte nicht mitschreiben.",
        "Die Antwort braucht das nicht; prüfen Sie `session.input_audio_transcription.model`, "
        "wenn es so weitergeht.",
    ),
    "input_audio_buffer_commit_empty": (
        "Es wurden weniger als 100 ms Ton übergeben.",
        "Es ist nichts zu tun: Der Beitrag war zu kurz.",
    ),
    "response_cancel_not_active": (
        "Die Antwort, die abgebrochen werden sollte, war schon zu Ende.",
        "Es ist nichts zu tun.",
    ),
    "conversation_already_has_active_response": (
        "Eine Antwort wurde verlangt, während eine ältere noch endete.",
        "Es ist nichts zu tun: Das Gerät fragt noch einmal.",
    ),
    "no_answer": (
        "Der Dienst hat nicht rechtzeitig geantwortet.",
        "Fragen Sie noch einmal; prüfen Sie dann das Netz.",
    ),
    "offline": (
        "Es gab zu lange keine Verbindung; das Gesagte konnte nicht übermittelt werden.",
        "Sagen Sie es noch einmal, sobald das Licht für „kein Netz“ aus ist.",
    ),
    "speech_dropped": (
        "Was ohne Verbindung gesagt wurde, war zu alt, um noch gesendet zu werden.",
        "Sagen Sie es noch einmal.",
    ),
    "audio_dropped": (
        "Es wurde mehr gesagt, als sich ohne Verbindung aufheben lässt; das Älteste ist verloren.",
        "Sagen Sie es in kürzeren Stücken noch einmal, sobald eine Verbindung besteht.",
    ),
    "empty_answer": (
        "Der Dienst hat ohne Ton geantwortet.",
        "Fragen Sie noch einmal.",
    ),
    "reply_cut_short": (
        "Der Dienst hat seine Antwort vorzeitig beendet.",
        "Fragen Sie weniger auf einmal; erhöhen Sie `session.max_response_output_tokens`, "
        "falls es gesenkt wurde.",
    ),
    "reply_stalled": (
        "Die Antwort ist mittendrin stehen geblieben.",
        "Fragen Sie noch einmal.",
    ),
    "tool_stuck": (
        "Eine Funktion, die das Modell aufrief, ist nicht fertig geworden.",
        "Fragen Sie noch einmal; starten Sie dann das Gerät neu.",
    ),
    "tools_without_end": (
        "Das Modell hat immer wieder Funktionen aufgerufen; der Vorgang wurde beendet.",
        "Fragen Sie mit anderen Worten.",
    ),
    "too_short": (
        "Es wurde zu wenig Ton aufgenommen.",
        "Halten Sie die Taste gedrückt, während Sie sprechen.",
    ),
    "microphone_missing": (
        "Es ist kein Mikrofon da.",
        "Stecken Sie es ein; `appliance devices` zeigt, was da ist.",
    ),
    "microphone_lost": (
        "Das Mikrofon ist weg.",
        "Prüfen Sie den Stecker; es wird wieder benutzt, sobald es zurück ist.",
    ),
    "microphone_silent": (
        "Das Mikrofon gab keinen Ton.",
        "Prüfen Sie Stecker und Stummschalter; siehe `appliance devices`.",
    ),
    "microphone_clipping": (
        "Das Mikrofon ist übersteuert, so dass Sprache verzerrt wird.",
        "Verringern Sie die Verstärkung (`alsamixer`), oder sprechen Sie aus größerer Entfernung.",
    ),
    "speaker_missing": (
        "Es ist kein Lautsprecher da.",
        "Stecken Sie ihn ein; `appliance devices` zeigt, was da ist.",
    ),
    "speaker_lost": (
        "Der Lautsprecher ist weg.",
        "Prüfen Sie den Stecker; er wird wieder benutzt, sobald er zurück ist.",
    ),
    "button_stuck": (
        "Die Taste ist seit über einer Minute gedrückt.",
        "Prüfen Sie, ob sie klemmt, und die Verdrahtung; sie gilt wieder, sobald sie "
        "losgelassen wurde.",
    ),
    "disk_full": (
        "Die Speicherkarte ist voll.",
        "Entfernen Sie, was nicht gebraucht wird; `journalctl --vacuum-size=50M` ist ein Anfang.",
    ),
    "state_not_saved": (
        "Das Gerät kann nicht auf seine Speicherkarte schreiben; was es sich merken muss, ist beim "
        "nächsten Start verloren.",
        "Prüfen Sie, ob `/var/lib/appliance` dem Dienst gehört; ersetzen Sie eine Karte, die nur "
        "noch lesbar ist.",
    ),
    "memory_high": (
        "Dem Gerät wird der Arbeitsspeicher knapp.",
        "Beenden Sie andere Programme; das Gerät startet sich selbst neu, wenn es sein muss.",
    ),
    "too_hot": (
        "Der Prozessor ist zu heiß und läuft langsam.",
        "Geben Sie dem Gerät Luft, Schatten oder einen Kühlkörper.",
    ),
    "undervoltage": (
        "Das Netzteil ist zu schwach.",
        "Nehmen Sie ein Netzteil, das für diese Platine gemacht ist, und ein kurzes, dickes Kabel.",
    ),
    "settings_invalid": (
        "Eine oder mehrere Einstellungen sind falsch.",
        "`appliance config check` nennt jede; berichtigen Sie sie und starten Sie das Gerät neu.",
    ),
    "update_pending": (
        "Eine Aktualisierung wartet auf ihren Einbau.",
        "Bauen Sie sie ein, oder starten Sie das Gerät neu, wenn niemand es braucht.",
    ),
    "cost_warning": (
        "Vier Fünftel des Tagesgelds sind ausgegeben.",
        "Gehen Sie bis Mitternacht sparsam damit um, oder erhöhen Sie die Tagesgrenze in `[cost]`.",
    ),
    "cost_cap_reached": (
        "Das Tagesgeld ist ausgegeben; das Gerät antwortet morgen wieder.",
        "Warten Sie bis Mitternacht, oder erhöhen Sie die Tagesgrenze in `[cost]`.",
    ),
}
